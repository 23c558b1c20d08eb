"""What loads changed, as commands print it: for each record both numbers, the verdict and its reason."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from ccusage_import import ui
from ccusage_import.history.changes import Change
from ccusage_import.money import Money
from ccusage_import.rule.explain import reason_in_words
from ccusage_import.rule.verdicts import Reason
from ccusage_import.ui.tables import PlainTable, console, is_for_a_terminal

CHANGES_AT_ONCE = 5000
# What a terminal need not hear twice.
SAID_BY_THE_VERDICT = (Reason.FIRST_SEEN, Reason.MORE_TOKENS)


def print_changes(
    changes: Iterable[Change], names: Mapping[str, str], ids: Mapping[int, str], money: Money, *, as_json: bool
) -> int:
    """Print verdicts with both numbers and the reason in words, and return how many there are.

    Whoever reads a pipe gets them a few thousand at a time, with columns that may grow wider.
    """
    if as_json:
        shown = [change_json(change, names) for change in changes]
        ui.print_json(shown)
        return len(shown)
    table, count, rest = _table_of_changes(), 0, iter(changes)
    while some := list(rest if is_for_a_terminal() else islice(rest, CHANGES_AT_ONCE)):
        table = table.continued() if count else table
        _add_changes(table, some, names, ids, money)
        console().print(table)
        count += len(some)
    return count


def _table_of_changes() -> PlainTable:
    return PlainTable(
        ("load", "verdict", "record", "stored", "offered", "why"),
        texts=("verdict", "record", "why"),
        below="why",
        wraps=("record",),
    )


def _add_changes(
    table: PlainTable, changes: Iterable[Change], names: Mapping[str, str], ids: Mapping[int, str], money: Money
) -> None:
    is_short = is_for_a_terminal()
    label = ui.short_label if is_short else ui.label
    for change in changes:
        decision = change.decision
        stored, offered = decision.stored, decision.offered
        is_said = is_short and decision.reason in SAID_BY_THE_VERDICT
        table.add_row(
            ids.get(change.load_id, str(change.load_id)),
            str(decision.verdict),
            f"{decision.record.label} {label(decision.record, names)}",
            money.text(stored.cost_usd) if stored else "-",
            money.text(offered.cost_usd) if offered else "-",
            "" if is_said else reason_in_words(decision, change.intact_from),
        )


def change_json(change: Change, names: Mapping[str, str]) -> dict[str, Any]:
    """Return one verdict as an object with stable keys."""
    decision, record = change.decision, change.decision.record
    stored, offered = decision.stored, decision.offered
    return {
        "load_id": change.load_id,
        "decided_at": change.decided_at,
        "machine": change.machine,
        "report": record.report,
        "agent": record.agent,
        "key": record.key,
        "label": ui.label(record, names),
        "day": record.day.isoformat(),
        "verdict": str(decision.verdict),
        "reason": str(decision.reason),
        "explanation": reason_in_words(decision, change.intact_from),
        "is_written": decision.is_written,
        "stored_tokens": stored.total_tokens if stored else None,
        "offered_tokens": offered.total_tokens if offered else None,
        "stored_cost_usd": stored.cost_usd if stored else None,
        "offered_cost_usd": offered.cost_usd if offered else None,
    }

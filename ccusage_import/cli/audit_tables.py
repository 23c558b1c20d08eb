"""What people see of loads and verdicts: tables for a terminal, objects for JSON."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from ccusage_import.cli.plain_table import plain_table
from ccusage_import.explain import reason_in_words
from ccusage_import.fact_summary import FACT_KINDS
from ccusage_import.history.audit import Change
from ccusage_import.masking import printable
from ccusage_import.reconcile import Verdict
from ccusage_import.ui import change as signed
from ccusage_import.ui import console, label, print_json, usd, with_names
from ccusage_import.verify import Verification
from ccusage_import.warehouse.tables import REFUSED, Load

SHOWN_DIFFERENCES = 20
COUNTED_VERDICTS = (Verdict.NEW, Verdict.GREW, Verdict.REPRICED, Verdict.CORRECTED, Verdict.HELD)


def print_history(loads: Sequence[Load], *, as_json: bool) -> None:
    """Print loads, newest first."""
    if as_json:
        print_json([asdict(load) for load in loads])
        return
    if not loads:
        print("no load yet")
        return
    table = plain_table("load", "when (UTC)", "machine", "state", "ccusage", "records", "cost", "change", "seconds")
    for column in (2, 3, 4, 5):
        table.columns[column].justify = "left"
    table.columns[5].no_wrap = False
    for load in loads:
        is_published = load.state in ("committed", "undone")
        seconds = (load.finished_at - load.started_at).total_seconds() if load.finished_at else None
        table.add_row(
            str(load.load_id),
            f"{load.started_at:%Y-%m-%d %H:%M:%S}",
            load.machine,
            load.state,
            load.ccusage_version or load.runner,
            "; ".join(filter(None, (load.error, _counts(load)))),
            usd(load.cost_after_usd) if is_published else "",
            signed(load.cost_after_usd - load.cost_before_usd, usd) if is_published else "",
            "" if seconds is None else f"{seconds:.1f}",
        )
    console().print(table)


def print_changes(changes: Sequence[Change], names: Mapping[str, str], *, as_json: bool) -> None:
    """Print verdicts with both numbers and the reason in words."""
    if as_json:
        print_json([change_json(change, names) for change in changes])
        return
    if not changes:
        print("nothing changed")
        return
    table = plain_table("load", "verdict", "record", "stored", "offered", "why")
    table.columns[5].no_wrap = False
    for column in (1, 2, 5):
        table.columns[column].justify = "left"
    for change in changes:
        decision = change.decision
        stored, offered = decision.stored, decision.offered
        table.add_row(
            str(change.load_id),
            str(decision.verdict),
            f"{decision.record.label} {label(decision.record, names)}",
            usd(stored.cost_usd) if stored else "-",
            usd(offered.cost_usd) if offered else "-",
            reason_in_words(decision, change.intact_from),
        )
    console().print(table)


def print_verification(found: Verification, names: Mapping[str, str], *, quiet: bool, as_json: bool) -> None:
    """Print each check, then every difference with what explains it, the unexplained ones first."""
    if as_json:
        print_json(
            {
                "compared": found.compared,
                "unexplained": len(found.unexplained),
                "differences": [asdict(difference) for difference in found.differences],
            }
        )
        return
    if quiet and not found.unexplained:
        return
    table = plain_table("check", "compared", "equal", "explained", "unexplained")
    for check, compared in found.compared.items():
        differences = [difference for difference in found.differences if difference.check == check]
        unexplained = sum(not difference.explanation for difference in differences)
        table.add_row(
            check,
            str(compared),
            str(compared - len(differences)),
            str(len(differences) - unexplained),
            str(unexplained),
        )
    console().print(table)
    ordered = sorted(found.differences, key=lambda difference: bool(difference.explanation))
    for difference in ordered[:SHOWN_DIFFERENCES]:
        why = difference.explanation or "NOTHING EXPLAINS IT"
        print(
            f"{difference.check}: {printable(with_names(difference.subject, names))}:"
            f" {difference.left_tokens:,} against {difference.right_tokens:,} tokens: {why}"
        )
    if len(ordered) > SHOWN_DIFFERENCES:
        print(f"and {len(ordered) - SHOWN_DIFFERENCES} more; --json lists them all")


def change_json(change: Change, names: Mapping[str, str]) -> dict[str, Any]:
    """Return one verdict as an object with stable keys."""
    decision, record = change.decision, change.decision.record
    stored, offered = decision.stored, decision.offered
    return {
        "load_id": change.load_id,
        "decided_at": change.decided_at.isoformat(),
        "machine": change.machine,
        "report": record.report,
        "agent": record.agent,
        "key": record.key,
        "label": label(record, names),
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


def _counts(load: Load) -> str:
    counts: Counter[str] = Counter()
    for name, count in load.verdicts.items():
        counts[name.rpartition("/")[2]] += count
    counted = (*COUNTED_VERDICTS, REFUSED)
    parts = [f"{counts[verdict]} {verdict}" for verdict in counted if counts[verdict]]
    parts += [f"{facts} facts"] if (facts := sum(load.facts.get(kind, 0) for kind in FACT_KINDS)) else []
    shown = ", ".join(parts)
    return shown or ("" if load.error else "nothing changed")

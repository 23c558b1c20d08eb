"""What to notify people of after a run: decided from how it ended and what they know already; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from ccusage_import.checks.health import Problem
from ccusage_import.config.tables.notify import Event
from ccusage_import.digest.text import percent
from ccusage_import.exceptions import ExitCode
from ccusage_import.money import Money
from ccusage_import.monitoring.outcome import RunOutcome, Told
from ccusage_import.warehouse.budgets import QuotaUse, Spending
from ccusage_import.warehouse.snapshot import Snapshot

LOOK = "more: ccusage-import status, ccusage-import history"
LOOK_AT_STATUS = "more: ccusage-import status"
LOOK_AT_HELD = "more: ccusage-import held"
LOOK_AT_QUOTAS = "more: ccusage-import quota"
NOTABLE_SHARES = (0.8, 1)


@dataclass(frozen=True, slots=True)
class Notice:
    """One notification: `title` is one line, `details` are its numbers; `told` is what its reader then knows."""

    event: Event
    title: str
    text: str
    details: Mapping[str, Any]
    told: Told


def known(told: Told, snapshot: Snapshot | None) -> Told:
    """Return what a target knows, without what is over: settled held numbers, past budgets and quotas."""
    if snapshot is None:
        return told
    return replace(
        told,
        held=min(told.held, snapshot.held),
        budgets=told.budgets & {_key(spending) for spending in snapshot.budget},
        quotas=told.quotas & {_quota_key(use, share) for use in snapshot.quotas for share in NOTABLE_SHARES},
    )


def due_events(
    outcome: RunOutcome, told: Told, money: Money, *, last_success_at: datetime | None, stale_after_hours: float
) -> Iterator[Notice]:
    """Return the notices to send, in order; the `told` of a notice counts once those before it were delivered too.

    A run that was interrupted is neither a failure nor a recovery. Without a snapshot nothing is known of held numbers
    and budgets.

    Args:
        outcome: how the run ended.
        told: what is known already.
        money: how people read it.
        last_success_at: when a run before this one last went well.
        stale_after_hours: how long that may be ago.
    """
    told = known(told, outcome.snapshot)
    ended = {"failure": outcome.failure, "last_success_at": _instant(last_success_at)}
    since = f"last success: {_minute(last_success_at)}"
    if outcome.is_success and (told.is_failing or told.is_stale):
        told = replace(told, is_failing=False, is_stale=False)
        title = f"{outcome.machine}: imports work again"
        yield _notice("recovered", title, (f"{since} before that",), ended, told)
    if not outcome.is_success and outcome.exit_code != ExitCode.INTERRUPTED and not told.is_failing:
        told = replace(told, is_failing=True)
        what = "a part of the import" if outcome.exit_code == ExitCode.PARTIAL else "the import"
        yield _notice("failed", f"{outcome.machine}: {what} failed", (outcome.failure, since, LOOK), ended, told)
    if not outcome.is_success and not told.is_stale and outcome.is_stale(stale_after_hours):
        told = replace(told, is_stale=True)
        title = f"{outcome.machine}: no import has succeeded for {stale_after_hours:g} hours"
        yield _notice("stale", title, (outcome.failure, since, LOOK), ended, told)
    if outcome.snapshot is not None:
        yield from _of_the_warehouse(outcome.machine, outcome.snapshot, told, money)


def health_events(machine: str, problems: Sequence[Problem], told: Told) -> Iterator[Notice]:
    """Return the notice that all is not well any more, or that it is again."""
    if bool(problems) is told.is_unwell:
        return
    told = replace(told, is_unwell=bool(problems))
    details = {"problems": [problem.kind for problem in problems]}
    if problems:
        title = f"{machine}: {problems[0].text}"
        lines = (*(problem.text for problem in problems[1:]), LOOK_AT_STATUS)
        yield _notice("unwell", title, lines, details, told)
    else:
        yield _notice("well", f"{machine}: all is well again", (), details, told)


def _of_the_warehouse(machine: str, snapshot: Snapshot, told: Told, money: Money) -> Iterator[Notice]:
    if snapshot.held > told.held:
        before, told = told.held, replace(told, held=snapshot.held)
        title = f"{machine}: {snapshot.held} smaller {'number is' if snapshot.held == 1 else 'numbers are'} held back"
        lines = ("ccusage shows less than it once did; what was stored stays", LOOK_AT_HELD)
        yield _notice("held", title, lines, {"held": snapshot.held, "held_before": before}, told)
    for spending in snapshot.budget:
        if spending.is_over and _key(spending) not in told.budgets:
            told = replace(told, budgets=told.budgets | {_key(spending)})
            yield _crossed(machine, spending, told, money)
    for use in snapshot.quotas:
        reached = frozenset(_quota_key(use, share) for share in NOTABLE_SHARES if use.share and use.share >= share)
        if not reached <= told.quotas:
            told = replace(told, quotas=told.quotas | reached)
            yield _nearly_used(machine, use, told)


def _crossed(machine: str, spending: Spending, told: Told, money: Money) -> Notice:
    limit = spending.limit
    whose = "" if limit.scope == "all" else f" of {limit.scope} {limit.name}"
    allowed = money.text(limit.limit_usd)
    spent = f"{money.text(spending.spent_usd)} spent since {spending.since}, {allowed} allowed"
    details = {
        "scope": limit.scope,
        "name": limit.name,
        "period": limit.period,
        "since": spending.since.isoformat(),
        "spent_usd": f"{spending.spent_usd:f}",
        "limit_usd": f"{limit.limit_usd:f}",
    }
    return _notice("budget", f"{machine}: the {limit.period} budget{whose} is crossed", (spent,), details, told)


def _nearly_used(machine: str, use: QuotaUse, told: Told) -> Notice:
    share, ends = use.share or 0, _minute(use.period_end)
    details = {
        "name": use.name,
        "used": f"{use.used:f}",
        "maximum": f"{use.maximum:f}",
        "share": share,
        "ends_at": _instant(use.period_end),
        "runs_out_at": _instant(use.runs_out_at),
    }
    runs_out = f"at this rate the rest is used {_minute(use.runs_out_at)}" if use.runs_out_at else ""
    period = "week" if use.name == "week_usd" else "block"
    title = f"{machine}: {percent(share)} of the quota {use.name} is used"
    return _notice("quota", title, (f"the {period} ends {ends}", runs_out, LOOK_AT_QUOTAS), details, told)


def _notice(event: Event, title: str, lines: tuple[str, ...], details: Mapping[str, Any], told: Told) -> Notice:
    """Return a notice of printable lines: names come from people, and must not break one line into several."""
    return Notice(event, _printable(title), "\n".join(map(_printable, filter(None, lines))), details, told)


def _printable(line: str) -> str:
    return "".join(character if character.isprintable() else " " for character in line)


def _key(spending: Spending) -> str:
    """Return what distinguishes one crossing from another: a limit that was changed can be crossed again."""
    limit = spending.limit
    return f"{limit.scope}/{limit.name}/{limit.period}/{spending.since}/{limit.limit_usd.normalize():f}"


def _quota_key(use: QuotaUse, share: float) -> str:
    """Return what distinguishes one notable share of a quota from another; `max` that grew is the same quota."""
    limit = f"{use.maximum.normalize():f}" if use.source == "set" and use.maximum else "max"
    return f"{use.name}/{use.period_start}/{limit}/{share}"


def _instant(at: datetime | None) -> str | None:
    return at.astimezone(UTC).isoformat(timespec="seconds") if at else None


def _minute(at: datetime | None) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if at else "not known"

"""What people see of an import that is done: tables."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.text import Text

from ccusage_import.days import zoned_moment
from ccusage_import.digest.text import percent
from ccusage_import.import_summary import FactsSummary, ImportSummary
from ccusage_import.money import Money
from ccusage_import.names.shown import model_names, project_names
from ccusage_import.records import CLAUDE, Record, counted, split_label
from ccusage_import.rule.explain import reason_in_words
from ccusage_import.rule.verdicts import Decision, Reason, Verdict
from ccusage_import.ui import change, named, short_label
from ccusage_import.ui.summary_json import SHOWN_VERDICTS
from ccusage_import.ui.tables import Hanging, Joined, PlainTable, console

if TYPE_CHECKING:
    from ccusage_import.ccusage.offers import ReportOutcome
    from ccusage_import.statistics import Comparison, Coverage, Share, Totals

SHOWN_HELD = 10
# A report that covers less of the days' cost than this says so.
WHOLE = Decimal("0.9995")
TOKEN_CLASSES = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")


def print_summary(summary: ImportSummary, money: Money) -> None:
    """Print the comparison statistics of an import for people."""
    if summary.is_empty and not summary.failed:
        print("no usage found; nothing was written")
        return
    shown = console()
    for part in summary_parts(summary, money):
        shown.print(part)


def print_second(summary: ImportSummary, deleted: int, money: Money) -> None:
    """Print what the import after the deletion of transcripts made of the reports."""
    print(f"\nClaude Code deletes what is a month old, here {deleted} transcripts; imported again:\n")
    for part in (_reports_table(summary, _shown_reports(summary)), "", *_held_lines(summary, money)):
        console().print(part)
    shown = sum((record.cost_usd for record in summary.offered if record.report == "daily"), Decimal(0))
    if summary.comparison:
        kept = money.text(summary.comparison.after.cost_usd)
        print(f"\nccusage shows {money.text(shown)} now, you kept {kept}")


def summary_parts(summary: ImportSummary, money: Money) -> Iterator[RenderableType]:
    """Yield what is shown of an import, from top to bottom."""
    parts: list[RenderableType] = [_headline(summary)]
    if summary.unchanged_since:
        since = zoned_moment(summary.unchanged_since, summary.timezone)
        parts.append(Joined([f"nothing changed since the import of {since}", "no report was run; --force runs them"]))
    if shown := _shown_reports(summary):
        parts.append(_reports_table(summary, shown))
    elif summary.reports:
        agents = sorted({split_label(name)[0] for name in summary.reports})
        parts.append(Text(f"no usage of {', '.join(agents)} found"))
    if summary.comparison:
        parts += _compared(summary.comparison, summary, money)
    if summary.held:
        parts.append(Group(*_held_lines(summary, money)))
    if summary.facts:
        parts.append(Joined(list(_facts_parts(summary.facts)), dot="; "))
    for part in parts:
        yield part
        yield ""
    yield Joined([f"{name} {seconds:.2f} s" for name, seconds in summary.phases.items()], style="dim")


def _facts_parts(facts: FactsSummary) -> Iterator[str]:
    """Yield what was read of the transcripts."""
    messages, calls = counted(facts.new["messages"], "new message"), counted(facts.new["tool_calls"], "tool call")
    yield f"transcripts: {messages}, {calls}"
    if facts.days:
        yield f"the messages of {facts.equal_days:,} of {facts.days:,} days add up to ccusage's numbers"
    if folded := facts.new["folded"]:
        yield f"{counted(folded, 'folded fact')} read again, counted already"
    if bad := sum(facts.bad_lines.values()):
        yield f"{counted(bad, 'line')} not understood"
    if unreadable := sum(facts.unreadable.values()):
        yield f"{counted(unreadable, 'path')} not readable"


def _compared(comparison: Comparison, summary: ImportSummary, money: Money) -> Iterator[RenderableType]:
    yield _totals_table(comparison.before, comparison.after, money)
    if missing := [each for each in comparison.coverage if each.share < WHOLE]:
        yield Text("\n".join(map(_coverage_line, missing)))
    if comparison.block:
        yield _block_line(comparison.block, summary.timezone, money)
    total = comparison.after.cost_usd
    if len(comparison.agents) > 1:
        yield _shares_table("top agents", comparison.agents, total, money)
    if comparison.models:
        models = model_names(use.name for use in comparison.models)
        yield _shares_table("top models", comparison.models, total, money, models)
    if comparison.projects:
        projects = [replace(use, name=named(use.name, summary.names)) for use in comparison.projects]
        yield _shares_table("top projects", projects, total, money, project_names(use.name for use in projects))


def _headline(summary: ImportSummary) -> Joined:
    source = "saved files" if summary.reports else "transcripts alone"
    if summary.ccusage_version:
        source = f"ccusage {summary.ccusage_version} ({summary.runner})"
    parts = [f"machine {summary.machine}", source, f"days in {summary.timezone}"]
    if summary.load_id:
        parts.append(f"load {summary.load_id}")
    else:
        parts.append("dry run, nothing written" if summary.is_dry_run else "nothing loaded")
    return Joined(parts, style="bold")


def _shown_reports(summary: ImportSummary) -> Mapping[str, ReportOutcome]:
    """Return the reports with something in them, and all of Claude: with `all` there are some fifty that are empty."""
    return {
        name: outcome
        for name, outcome in summary.reports.items()
        if split_label(name)[0] == CLAUDE or outcome.error or outcome.offered or outcome.verdicts
    }


def _reports_table(summary: ImportSummary, reports: Mapping[str, ReportOutcome]) -> PlainTable:
    happened = sum((outcome.verdicts for outcome in summary.reports.values()), Counter[Verdict]())
    # `refreshed` is rare: shown only where it happened.
    shown = [verdict for verdict in SHOWN_VERDICTS if verdict is not Verdict.REFRESHED or happened[verdict]]
    refused = ["refused"] if any(outcome.refused for outcome in summary.reports.values()) else []
    empty = [str(verdict) for verdict in shown if not happened[verdict]]
    table = PlainTable(("report", "offered", *map(str, shown), *refused, "time"), spare=("time", *empty))
    for name, outcome in reports.items():
        if outcome.error and not outcome.offered and not outcome.verdicts:
            table.add_row(name, "failed")
            continue
        counts = [str(outcome.verdicts[verdict] or "-") for verdict in shown]
        seconds = "" if not outcome.seconds else f"{outcome.seconds:.2f} s"
        table.add_row(name, str(outcome.offered), *counts, *(str(outcome.refused or "-") for _ in refused), seconds)
    return table


def _totals_table(before: Totals, after: Totals, money: Money) -> PlainTable:
    table = PlainTable(("all days of this machine", "now", "since the last load"))
    note = " (some usage has no price)" if after.unpriced else ""
    table.add_row(f"cost{note}", money.text(after.cost_usd), change(after.cost_usd - before.cost_usd, money.text))
    table.add_row("tokens", *_now_and_change(before, after, "total_tokens"))
    for name in TOKEN_CLASSES:
        table.add_row(f"  {name.removesuffix('_tokens').replace('_', ' ')}", *_now_and_change(before, after, name))
    for name in ("sessions", "days"):
        table.add_row(name, *_now_and_change(before, after, name))
    return table


def _now_and_change(before: Totals, after: Totals, name: str) -> tuple[str, str]:
    now = getattr(after, name)
    return f"{now:,}", change(now - getattr(before, name), lambda value: f"{value:,}")


def _coverage_line(coverage: Coverage) -> str:
    name = "sessions" if coverage.report == "session" else coverage.report
    verb = "covers" if coverage.report == "monthly" else "cover"
    whose = "" if coverage.agent == CLAUDE else f"{coverage.agent} "
    return f"{whose}{name} {verb} {percent(coverage.share)} of the days' cost"


def _block_line(block: Record, timezone: str, money: Money) -> Text:
    ends_at = block.block_ends_at.astimezone(ZoneInfo(timezone)) if block.block_ends_at else None
    line = f"active block until {ends_at:%H:%M %Z}: {money.text(block.cost_usd)}"
    if block.cost_per_hour_usd is not None:
        line += f", {money.text(Decimal(repr(block.cost_per_hour_usd)))} an hour"
    if block.projected_cost_usd is not None:
        line += f", {money.text(block.projected_cost_usd)} expected"
    return Text(line)


def _shares_table(
    title: str, shares: Sequence[Share], total: Decimal, money: Money, called: Mapping[str, str] | None = None
) -> PlainTable:
    """Return a table of costs by name: as it is called first, and last in full where that is something else."""
    called = called or {}
    in_full = {share.name for share in shares if called.get(share.name, share.name) != share.name}
    columns = (title, "cost", "share", "tokens", *(["in full"] if in_full else []))
    table = PlainTable(columns, texts=("in full",), wraps=(title, "in full"), spare=("in full",) if in_full else ())
    for share in shares:
        part = percent(share.cost_usd / total) if total else ""
        whole = [share.name] if share.name in in_full else []
        cost, tokens = money.text(share.cost_usd), f"{share.total_tokens:,}"
        table.add_row(called.get(share.name, share.name), cost, part, tokens, *whole)
    return table


def _held_lines(summary: ImportSummary, money: Money) -> Iterator[RenderableType]:
    held = summary.held
    noun = "number was" if len(held) == 1 else "numbers were"
    yield Text(f"held: {len(held)} offered {noun} not taken; what is stored stays", style="bold")
    for decision in held[:SHOWN_HELD]:
        offered = money.text(decision.offered.cost_usd if decision.offered else Decimal(0))
        yield Hanging(
            f"{decision.record.label} {short_label(decision.record, summary.names)}:"
            f" {_kept(decision, money)} stays, {offered} offered:"
            f" {reason_in_words(decision, summary.intact_from)}",
            indent=2,
        )
    if len(held) > SHOWN_HELD:
        yield f"  and {len(held) - SHOWN_HELD} more: ccusage-import held"


def _kept(decision: Decision, money: Money) -> str:
    """Return what stays in place of a held offer."""
    if decision.stored is None and decision.reason is not Reason.TAKEN_BACK:
        return "what it overlaps"
    return money.text(decision.stored.cost_usd if decision.stored else Decimal(0))

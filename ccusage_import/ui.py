"""What people see: progress on stderr, the summary as tables or as one JSON object on stdout, errors in two lines."""

from __future__ import annotations

import json
import re
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from decimal import Decimal
from pathlib import Path
from typing import Any, Self, TextIO

from pydantic import BaseModel, SecretStr
from rich.console import Console, RenderableType
from rich.progress import Progress, SpinnerColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import CcusageError, DamagedWarehouseError, FixableError, OutputError
from ccusage_import.explain import reason_in_words
from ccusage_import.import_summary import ImportProgress, ImportSummary
from ccusage_import.reconcile import Decision, Verdict
from ccusage_import.records import CLAUDE, Record, split_label
from ccusage_import.statistics import Comparison, Coverage, Share, Totals

PROGRAM = "ccusage-import"
SHOWN_DETAILS = 10
SHOWN_HELD = 10
NO_TERMINAL_WIDTH = 1000
LEAST_WIDTH = 110
# A report that holds less of the cost of the days than this says so.
WHOLE = Decimal("0.9995")
SHOWN_VERDICTS = (
    Verdict.NEW, Verdict.GREW, Verdict.REPRICED, Verdict.CORRECTED, Verdict.HELD, Verdict.REFRESHED, Verdict.UNCHANGED,
)  # fmt: skip
TOKEN_CLASSES = ("input_tokens", "output_tokens", "cache_creation_tokens", "cache_read_tokens")


def print_error(error: FixableError, stream: TextIO | None = None) -> None:
    """Print what went wrong, the first details, and what to do next."""
    stream = stream or sys.stderr
    print(f"{PROGRAM}: error: {error}", file=stream)
    for line in error.details[:SHOWN_DETAILS]:
        print(f"  {line}", file=stream)
    if len(error.details) > SHOWN_DETAILS:
        print(f"  and {len(error.details) - SHOWN_DETAILS} more", file=stream)
    if error.hint:
        print(f"hint: {error.hint}", file=stream)


def print_warnings(warnings: Sequence[str]) -> None:
    """Print warnings, one a line."""
    for line in warnings:
        print(f"{PROGRAM}: warning: {line}", file=sys.stderr)


@contextmanager
def prints_what_is_done() -> Iterator[None]:
    """Print what an import did: that nobody takes it does not change how the import ended."""
    try:
        yield
        sys.stdout.flush()
    except BrokenPipeError:
        # The reader of stdout has seen enough.
        pass
    except OutputError as error:
        print_warnings([f"{error}; the import is done: ccusage-import history"])


def warn_of_damage(damage: DamagedWarehouseError | None) -> None:
    """Say that what is printed is not all that there was."""
    if damage is not None:
        print_warnings([str(damage), *damage.details[:SHOWN_DETAILS], f"hint: {damage.hint}"])


class QuietProgress:
    """Shows nothing."""

    def phase(self, name: str) -> None:
        """Ignore a phase."""

    def started(self, report: str) -> None:
        """Ignore a report that is being run."""

    def finished(self, report: str, seconds: float) -> None:
        """Ignore a report that was fetched."""

    def failed(self, report: str, error: CcusageError) -> None:
        """Ignore a report that failed."""


class TerminalProgress(AbstractContextManager["TerminalProgress"]):
    """One line for each report with its time, then one for each phase; gone when the summary comes."""

    def __init__(self) -> None:
        self._progress = Progress(
            SpinnerColumn(finished_text=" "),
            TextColumn("{task.description}"),
            TimeElapsedColumn(),
            console=Console(stderr=True),
            transient=True,
        )
        self._tasks: dict[str, TaskID] = {}
        self._phase: TaskID | None = None

    def __enter__(self) -> Self:
        """Show the progress."""
        self._progress.start()
        return self

    def __exit__(self, *_: object) -> None:
        """Remove the progress."""
        self._progress.stop()

    def phase(self, name: str) -> None:
        """Show that a phase begins and the one before it is done."""
        if self._phase is not None:
            self._progress.update(self._phase, total=1, completed=1)
        self._phase = self._progress.add_task(name, total=None)

    def started(self, report: str) -> None:
        """Show that a report is being run."""
        self._tasks[report] = self._progress.add_task(f"  {report}", total=None)

    def finished(self, report: str, seconds: float) -> None:
        """Show how long a report took."""
        self._progress.update(self._tasks[report], description=f"  {report} {seconds:.2f} s", total=1, completed=1)

    def failed(self, report: str, error: CcusageError) -> None:  # noqa: ARG002 - the summary shows the error
        """Show that a report failed."""
        self._progress.update(self._tasks[report], description=f"  {report} failed", total=1, completed=1)


def show_progress(*, is_wanted: bool) -> AbstractContextManager[ImportProgress]:
    """Return progress for a person at a terminal, silence for anybody else."""
    return TerminalProgress() if is_wanted and sys.stderr.isatty() else nullcontext(QuietProgress())


def console() -> Console:
    """Return the console of stdout; a narrow terminal wraps lines, but no number is ever cut."""
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else NO_TERMINAL_WIDTH
    return Console(highlight=False, soft_wrap=True, width=max(width, LEAST_WIDTH))


def print_summary(summary: ImportSummary) -> None:
    """Print the comparison statistics of an import for people."""
    if summary.is_empty and not summary.failed:
        print("no usage found; nothing was written")
        return
    parts: list[RenderableType] = [_headline(summary), _reports_table(summary)]
    if summary.comparison:
        parts += _compared(summary.comparison, summary.names)
    if summary.held:
        parts.append(_held_lines(summary))
    shown = console()
    for part in parts:
        shown.print(part)
        shown.print()
    phases = " · ".join(f"{name} {seconds:.2f} s" for name, seconds in summary.phases.items())
    shown.print(Text(phases, style="dim"))


def _compared(comparison: Comparison, names: Mapping[str, str]) -> Iterator[RenderableType]:
    yield _totals_table(comparison.before, comparison.after)
    if missing := [each for each in comparison.coverage if each.share < WHOLE]:
        yield Text("\n".join(map(_coverage_line, missing)))
    if comparison.block:
        yield _block_line(comparison.block)
    agents = comparison.agents if len(comparison.agents) > 1 else []
    tables = (("top agents", agents), ("top models", comparison.models), ("top projects", comparison.projects))
    for title, shares in tables:
        if shares:
            yield _shares_table(title, shares, comparison.after.cost_usd, names)


def summary_json(summary: ImportSummary) -> dict[str, Any]:
    """Return the summary as one object with stable keys; money as strings of US dollars."""
    compared = summary.comparison
    return {
        "load_id": summary.load_id,
        "machine": summary.machine,
        "dry_run": summary.is_dry_run,
        "exit_code": int(summary.exit_code),
        "ccusage_version": summary.ccusage_version,
        "runner": summary.runner,
        "timezone": summary.timezone,
        "intact_from": summary.intact_from.isoformat() if summary.intact_from else None,
        "reports": {
            name: {
                "offered": outcome.offered,
                **{str(verdict): outcome.verdicts[verdict] for verdict in SHOWN_VERDICTS},
                "refused": outcome.refused,
                "seconds": outcome.seconds,
                "error": _error_json(outcome.error) if outcome.error else None,
                "refusal": _error_json(outcome.refusal) if outcome.refusal else None,
            }
            for name, outcome in summary.reports.items()
        },
        "totals": {
            "before": asdict(compared.before) if compared else None,
            "after": asdict(compared.after) if compared else None,
        },
        "active_block": _block_json(compared.block) if compared and compared.block else None,
        "top_agents": [asdict(share) for share in compared.agents] if compared else [],
        "top_models": [asdict(share) for share in compared.models] if compared else [],
        "top_projects": [
            {**asdict(share), "name": _named(share.name, summary.names)}
            for share in (compared.projects if compared else ())
        ],
        "coverage": [
            {**asdict(each), "share": round(each.share, 6)} for each in (compared.coverage if compared else ())
        ],
        "held": [_held_json(decision, summary) for decision in summary.held],
        "warnings": summary.warnings,
        "phases": summary.phases,
    }


def print_migrations(versions: Sequence[str], *, is_status: bool) -> None:
    """Print what is pending, or what was applied just now."""
    verb = "pending" if is_status else "applied"
    lines = [f"{verb} {version}" for version in versions] or ["nothing is pending"]
    print("\n".join(lines))


def print_configuration(configuration: Configuration, *, as_json: bool) -> None:
    """Print every setting with its value and origin; secrets are masked."""
    shown = {name: _setting(value) for name, value in configuration.settings}
    shown["warehouse"] = str(configuration.settings.parsed_warehouse())
    if configuration.settings.sync:
        shown["sync"] = str(configuration.settings.parsed_sync())
    if as_json:
        print_json({name: {"value": value, "origin": configuration.origins[name]} for name, value in shown.items()})
        return
    table = plain_table("setting", "value", "from")
    for name, value in shown.items():
        table.add_row(name, Text("" if value is None else str(value)), Text(configuration.origins[name]))
    for column in table.columns:
        column.justify = "left"
    console().print(table)


def _setting(value: object) -> object:
    if isinstance(value, SecretStr):
        return "***" if value.get_secret_value() else None
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, tuple):
        return [_setting(part) for part in value]
    return str(value) if isinstance(value, Path) else value


def print_json(value: object) -> None:
    """Print one JSON document on stdout; decimals become strings without an exponent."""
    print(json_text(value))


def json_text(value: object) -> str:
    """Return a JSON document; decimals become strings without an exponent."""
    return json.dumps(value, ensure_ascii=False, indent=2, default=_plain)


def failure_json(error: FixableError) -> dict[str, Any]:
    """Return an error that ended a command as one object."""
    return {"exit_code": int(error.exit_code), "error": _error_json(error)}


def _plain(value: object) -> str:
    return f"{value:f}" if isinstance(value, Decimal) else str(value)


def _error_json(error: FixableError) -> dict[str, Any]:
    return {"message": str(error), "details": list(error.details), "hint": error.hint}


def _held_json(decision: Decision, summary: ImportSummary) -> dict[str, Any]:
    stored, offered, record = decision.stored, decision.offered, decision.record
    return {
        "report": record.report,
        "agent": record.agent,
        "key": record.key,
        "label": label(decision.record, summary.names),
        "day": record.day.isoformat(),
        "stored_tokens": stored.total_tokens if stored else 0,
        "offered_tokens": offered.total_tokens if offered else 0,
        "stored_cost_usd": stored.cost_usd if stored else Decimal(0),
        "offered_cost_usd": offered.cost_usd if offered else Decimal(0),
        "reason": str(decision.reason),
        "explanation": reason_in_words(decision, summary.intact_from),
    }


def _block_json(block: Record) -> dict[str, Any]:
    names = (
        "started_at", "block_ends_at", "total_tokens", "cost_usd", "tokens_per_minute", "cost_per_hour_usd",
        "projected_tokens", "projected_cost_usd", "remaining_minutes",
    )  # fmt: skip
    return {name: getattr(block, name) for name in names}


def _headline(summary: ImportSummary) -> Text:
    ccusage = f"ccusage {summary.ccusage_version} ({summary.runner})" if summary.ccusage_version else "saved files"
    parts = [f"machine {summary.machine}", ccusage, f"days in {summary.timezone}"]
    parts.append(f"load {summary.load_id}" if summary.load_id else "dry run, nothing written")
    if summary.failed and summary.load_id is None and not summary.is_dry_run:
        parts[-1] = "nothing loaded"
    return Text(" · ".join(parts), style="bold")


def plain_table(*columns: str) -> Table:
    """Return a table without lines; all but the first column to the right."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for index, column in enumerate(columns):
        table.add_column(column, justify="left" if index == 0 else "right", no_wrap=True)
    return table


def _reports_table(summary: ImportSummary) -> Table:
    # `refreshed` is rare: shown only where it happened.
    shown = [
        verdict
        for verdict in SHOWN_VERDICTS
        if verdict is not Verdict.REFRESHED or any(outcome.verdicts[verdict] for outcome in summary.reports.values())
    ]
    refused = ["refused"] if any(outcome.refused for outcome in summary.reports.values()) else []
    table = plain_table("report", "offered", *map(str, shown), *refused, "time")
    for name, outcome in summary.reports.items():
        if split_label(name)[0] != CLAUDE and not (outcome.error or outcome.offered or outcome.verdicts):
            continue  # with `all` there are some fifty of these
        if outcome.error and not outcome.offered and not outcome.verdicts:
            table.add_row(name, "failed")
            continue
        counts = [str(outcome.verdicts[verdict] or "-") for verdict in shown]
        seconds = "" if not outcome.seconds else f"{outcome.seconds:.2f} s"
        table.add_row(name, str(outcome.offered), *counts, *(str(outcome.refused or "-") for _ in refused), seconds)
    return table


def _totals_table(before: Totals, after: Totals) -> Table:
    table = plain_table("all days of this machine", "now", "since the last load")
    note = " (some usage has no price)" if after.unpriced else ""
    table.add_row(f"cost{note}", usd(after.cost_usd), change(after.cost_usd - before.cost_usd, usd))
    table.add_row("tokens", *_now_and_change(before, after, "total_tokens"))
    for name in TOKEN_CLASSES:
        table.add_row(f"  {name.removesuffix('_tokens').replace('_', ' ')}", *_now_and_change(before, after, name))
    for name in ("sessions", "days"):
        table.add_row(name, *_now_and_change(before, after, name))
    return table


def _now_and_change(before: Totals, after: Totals, name: str) -> tuple[str, str]:
    now = getattr(after, name)
    return f"{now:,}", change(now - getattr(before, name), lambda value: f"{value:,}")


def change(value: Any, shown: Callable[[Any], str]) -> str:
    """Return a difference with its sign, a dash for none."""
    if value == 0:
        return "-"
    return ("+" if value > 0 else "-") + shown(abs(value))


def usd(value: Decimal) -> str:
    """Return dollars and cents."""
    return f"${value:,.2f}"


def _coverage_line(coverage: Coverage) -> str:
    name = "sessions" if coverage.report == "session" else coverage.report
    verb = "covers" if coverage.report == "monthly" else "cover"
    whose = "" if coverage.agent == CLAUDE else f"{coverage.agent} "
    return f"{whose}{name} {verb} {100 * coverage.share:.1f} % of the days' cost"


def _block_line(block: Record) -> Text:
    line = f"active block until {block.block_ends_at:%H:%M} UTC: {usd(block.cost_usd)}"
    if block.cost_per_hour_usd is not None:
        line += f", {usd(Decimal(repr(block.cost_per_hour_usd)))} an hour"
    if block.projected_cost_usd is not None:
        line += f", {usd(block.projected_cost_usd)} at its end at this rate"
    return Text(line)


def _shares_table(title: str, shares: Sequence[Share], total: Decimal, names: Mapping[str, str]) -> Table:
    table = plain_table(title, "cost", "share", "tokens")
    for share in shares:
        part = f"{share.cost_usd / total:.0%}" if total else ""
        table.add_row(Text(_named(share.name, names)), usd(share.cost_usd), part, f"{share.total_tokens:,}")
    return table


def _held_lines(summary: ImportSummary) -> Text:
    held = summary.held
    noun = "number is" if len(held) == 1 else "numbers are"
    lines = Text(f"held: {len(held)} offered {noun} kept aside, what was stored stays", style="bold")
    for decision in held[:SHOWN_HELD]:
        stored, offered = decision.stored, decision.offered
        lines.append(
            f"\n  {decision.record.label} {label(decision.record, summary.names)}:"
            f" {usd(stored.cost_usd) if stored else 'what it overlaps'} stays,"
            f" {usd(offered.cost_usd if offered else Decimal(0))} offered:"
            f" {reason_in_words(decision, summary.intact_from)}",
            style="not bold",
        )
    if len(held) > SHOWN_HELD:
        lines.append(f"\n  and {len(held) - SHOWN_HELD} more; --json lists them all", style="not bold")
    return lines


def label(record: Record, names: Mapping[str, str]) -> str:
    """Return what a person calls a record, with names where this machine knows them."""
    if record.report == "session":
        return f"{_named(record.project, names)}/{_named(record.session_id, names)}"
    if record.report == "projects":
        return f"{record.day} {_named(record.project, names)}"
    return record.key


def with_names(text: str, names: Mapping[str, str]) -> str:
    """Return a text with each pseudonym replaced by the name it stands for on this machine."""
    return re.sub(r"[0-9a-f]{32}", lambda match: _named(match[0], names), text)


def _named(name: str, names: Mapping[str, str]) -> str:
    """Return the name a pseudonym stands for on this machine, without control characters a terminal would obey."""
    return printable(names.get(name, name))


def printable(text: str) -> str:
    """Return a text without control characters a terminal would obey."""
    return "".join(character if character.isprintable() else "\N{REPLACEMENT CHARACTER}" for character in text)

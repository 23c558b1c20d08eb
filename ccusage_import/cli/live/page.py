"""What `watch` shows at a terminal: one page that is always current."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import TYPE_CHECKING, Self

from ccusage_import import ui
from ccusage_import.cli.live.lines import line_of
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.days import weekday_moment
from ccusage_import.digest.text import percent
from ccusage_import.exceptions import FixableError
from ccusage_import.live.events import Event, Lost, Regained, Stored
from ccusage_import.live.now import Block, LastTurn, Now, Session, read_now
from ccusage_import.masking import printable
from ccusage_import.names.shown import model_names, project_names
from ccusage_import.records import counted
from ccusage_import.ui.tables import PlainTable, console
from ccusage_import.warehouse.budgets import QuotaUse
from ccusage_import.warehouse.clickhouse_client import ClickHouse

if TYPE_CHECKING:
    from rich.console import RenderableType

# What changed is asked for so often, and what only time changes so often.
FRESH_SECONDS, STALE_SECONDS = 1.0, 30.0
SHOWN_EVENTS = 4


class Page:
    """A page of what is going on, drawn anew every second, on the terminal's other screen."""

    def __init__(self, configuration: Configuration) -> None:
        self._configuration, self._zone = configuration, configuration.settings.zone
        self._money = configuration.settings.money
        self._names: Mapping[str, str] = {}
        self._projects: Mapping[str, str] = {}
        self._now: Now | None = None
        self._events: list[str] = []
        self._lost = ""
        self._asked_at, self._has_changed = 0.0, True

    def __enter__(self) -> Self:
        from rich.live import Live

        self._live = Live(console=console(), screen=True, auto_refresh=False)
        self._live.__enter__()
        # Until the warehouse is open, or its lock is free, there is nothing else to draw.
        self._live.update(self._page(f"opening {self._configuration.settings.parsed_warehouse()}"), refresh=True)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._live.__exit__(kind, error, traceback)

    def hear(self, event: Event) -> None:
        """Show it among the last events."""
        match event:
            case Lost(error):
                self._lost = str(error)
            case Regained():
                self._lost = ""
        self._has_changed = True
        if not isinstance(event, Stored):
            self._events = [*self._events, f"{datetime.now(self._zone):%H:%M:%S} {line_of(event)}"][-SHOWN_EVENTS:]

    def turn(self, warehouse: ClickHouse | None, files: int, behind_seconds: float) -> None:
        """Ask what is going on where something may have changed, and draw it."""
        since = time.monotonic() - self._asked_at
        if warehouse is not None and (since >= STALE_SECONDS or (self._has_changed and since >= FRESH_SECONDS)):
            self._asked_at, self._has_changed = time.monotonic(), False
            with suppress(FixableError):
                self._now = read_now(warehouse, self._configuration.settings, datetime.now(UTC))
                self._names = read_names(self._configuration.directories.names_file)
        self._live.update(self._drawn(files, behind_seconds), refresh=True)

    def _drawn(self, files: int, behind_seconds: float) -> RenderableType:
        from rich.text import Text

        said = counted(files, "transcript") + (f" · {behind_seconds:.0f} s behind" if behind_seconds >= 1 else "")
        parts: list[RenderableType] = []
        if self._lost:
            parts.append(Text(printable(f"facts wait: {self._lost}"), style="bold red"))
        if self._now:
            parts += self._of(self._now)
        parts += ["", *(Text(printable(line), style="dim") for line in self._events)]
        return self._page(said, *parts)

    def _page(self, said: str, *parts: RenderableType) -> RenderableType:
        """Return a page: whose it is, when, and what is said of it; its parts; and how it ends."""
        from rich.console import Group
        from rich.text import Text

        head = f"machine {self._configuration.settings.machine} · {datetime.now(self._zone):%H:%M:%S} · {said}"
        return Group(Text(printable(head), style="bold"), *parts, Text("Ctrl-C ends it", style="dim"))

    def _of(self, now: Now) -> Iterator[RenderableType]:
        self._projects = project_names(
            self._name(project)
            for project in [*(session.project for session in now.sessions), *(turn.project for turn in now.turns)]
        )
        yield ""
        yield self._block_line(now.block) if now.block else "no open block"
        yield from (self._quota_line(use) for use in now.quotas if use.share is not None)
        if now.held:
            yield f"{now.held:,} smaller {'number is' if now.held == 1 else 'numbers are'} held: ccusage-import held"
        if now.models:
            table = PlainTable(("today", "answers", "tokens", "cost"), texts=("today",))
            called = model_names(model.name for model in now.models)
            for model in now.models:
                cost = "no price yet" if model.unpriced and not model.cost_usd else self._money.text(model.cost_usd)
                table.add_row(printable(called[model.name]), f"{model.messages:,}", f"{model.tokens:,}", cost)
            yield from ("", table)
        if now.sessions:
            table = PlainTable(("running", "silent for", "answers", "context", "cost"), texts=("running",))
            for session in now.sessions:
                table.add_row(*self._session_cells(session))
            yield from ("", table)
        if now.turns:
            table = PlainTable(
                ("prompt", "at", "answers", "tools", "took", "cost", "ended"), texts=("prompt", "at", "ended")
            )
            for turn in now.turns:
                table.add_row(*self._turn_cells(turn))
            yield from ("", table)

    def _block_line(self, block: Block) -> str:
        left = max(timedelta(), block.ends_at - datetime.now(UTC))
        line = f"active block: {self._money.text(block.cost_usd)}, {block.tokens:,} tokens"
        line += f", {_duration(left)} left until {block.ends_at.astimezone(self._zone):%H:%M}"
        if block.cost_per_hour_usd is not None and block.projected_cost_usd is not None:
            expected = self._money.text(block.projected_cost_usd)
            line += f"; {self._money.text(block.cost_per_hour_usd)} an hour, {expected} expected"
        return line

    def _quota_line(self, use: QuotaUse) -> str:
        line = f"{use.name}: {percent(use.share)} used"
        if use.period_end is not None:
            line += f" until {weekday_moment(use.period_end, self._zone)}"
        if use.runs_out_at is not None:
            line += f"; runs out {weekday_moment(use.runs_out_at, self._zone)} at this rate"
        return line

    def _session_cells(self, session: Session) -> tuple[str, ...]:
        silent = _duration(datetime.now(UTC) - session.last_at)
        name = f"{self._projects[self._name(session.project)]} {self._name(session.session)[:8]}"
        return name, silent, f"{session.messages:,}", f"{session.context_tokens:,}", self._money.text(session.cost_usd)

    def _turn_cells(self, turn: LastTurn) -> tuple[str, ...]:
        what = f"{self._projects[self._name(turn.project)]} {self._name(turn.command) or turn.kind}"
        at = f"{turn.at.astimezone(self._zone):%H:%M:%S}"
        took = _duration(timedelta(milliseconds=turn.duration_ms))
        counts = f"{turn.messages:,}", f"{turn.tool_calls:,}"
        return printable(what), at, *counts, took, self._money.text(turn.cost_usd), turn.outcome

    def _name(self, name: str) -> str:
        return printable(ui.named(name, self._names))


def _duration(length: timedelta) -> str:
    seconds = max(0, round(length.total_seconds()))
    if seconds < 60:
        return f"{seconds} s"
    minutes = seconds // 60
    return f"{minutes} min" if minutes < 60 else f"{minutes // 60} h {minutes % 60:02} min"

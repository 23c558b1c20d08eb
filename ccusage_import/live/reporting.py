"""Writes down how `watch` is doing, and tells of its health: for `status`, the status line, metrics and people."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from ccusage_import.checks.health import HealthReport, Problem, read_health
from ccusage_import.checks.status import read_status
from ccusage_import.config.kept.watching import Phase, WatchState, keep_state, last_state
from ccusage_import.config.settings import Configuration
from ccusage_import.digest.today import OpenBlock
from ccusage_import.exceptions import AnnouncementError, ConfigurationError, FixableError, WarehouseError
from ccusage_import.live.events import (
    Ended,
    Event,
    Imported,
    ImportFailed,
    Importing,
    Lent,
    Lost,
    Reconfigured,
    Regained,
    Stored,
    Watching,
)
from ccusage_import.live.now import read_now
from ccusage_import.monitoring.metrics import push_watch_metrics, write_watch_metrics
from ccusage_import.monitoring.notifications import notify_of_health
from ccusage_import.monitoring.outcome import MEMORY, keep_memory, read_memory
from ccusage_import.statusline.numbers import LiveCosts, keep_numbers
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# What changed is written so often, and what did not so often, to show that it goes on.
CHANGED_SECONDS, BEAT_SECONDS = 2.0, 15.0
LOOK_SECONDS = 30.0
# The status line reads files, so this is how old its numbers may be.
NUMBERS_SECONDS = 10.0
# Where metrics could not be left, it is not tried for so long.
PAUSE_SECONDS = 300.0


class Reporter:
    """Looks on, and writes down; `warn` is called for what could not be told."""

    def __init__(
        self,
        configuration: Configuration,
        environ: Mapping[str, str],
        warn: Callable[[str], None],
        *,
        look_seconds: float = LOOK_SECONDS,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._configuration, self._environ, self._warn = configuration, environ, warn
        self._look_seconds, self._clock = look_seconds, clock
        now, before = self._now(), last_state(configuration.directories)
        self._state = WatchState(
            os.getpid(), str(configuration.settings.parsed_warehouse()), "lent", now, now, is_running=True
        )
        if before and before.process == os.getpid() and before.phase == "lent":
            # It begins anew whenever it has lent the warehouse.
            self._state = replace(before, is_running=True)
        self._written_at, self._looked_at = 0.0, clock()
        self._has_numbers, self._numbers_at = True, 0.0
        self._is_lost = False
        self._was_unwell, self._unpublished_at = False, 0.0
        self._health: HealthReport | None = None

    def hear(self, event: Event) -> None:
        """Write down what it means."""
        match event:
            case Watching(polls=polls):
                self._change(phase=self._phase(), polls=polls)
            case Stored():
                self._has_numbers = False
                self._state = replace(self._state, last_stored_at=self._now())
            case Importing():
                self._change(phase="importing")
            case Imported() | ImportFailed():
                self._change(phase=self._phase())
            case Lost() | Regained():
                self._is_lost = isinstance(event, Lost)
                self._change(phase=self._phase())
            case Lent() | Reconfigured():
                self._change(phase="lent")
            case Ended():
                self._change(phase="ended", behind_seconds=0.0)
                if self._health:
                    self._publish(replace(self._health, watch=self._state))

    def turn(self, warehouse: ClickHouse | None, files: int, behind_seconds: float) -> None:
        """Write down how far it is, and look at the health now and then."""
        state = replace(self._state, files=files, behind_seconds=round(behind_seconds, 1))
        least = CHANGED_SECONDS if state != self._state else BEAT_SECONDS
        self._state = state
        if self._is_due(self._written_at, least):
            self._change()
        if warehouse and not self._has_numbers and self._is_due(self._numbers_at, NUMBERS_SECONDS):
            self._numbers_at, self._has_numbers = self._clock(), True
            with suppress(FixableError):
                keep_numbers(warehouse, self._configuration, self._live_costs(warehouse))
        if self._is_due(self._looked_at, self._look_seconds):
            self._looked_at = self._clock()
            self._look(warehouse)

    def _phase(self) -> Phase:
        return "facts wait" if self._is_lost else "watching"

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._clock(), UTC)

    def _is_due(self, last_at: float, seconds: float) -> bool:
        """Whether so long ago, as everybody else reckons who reads what was written.

        The clock that only goes forward stands still while the machine sleeps: when it wakes, all that was written is
        old, and is written anew at once. Likewise where the clock was set back.
        """
        return not 0 <= self._clock() - last_at < seconds

    def _live_costs(self, warehouse: ClickHouse) -> LiveCosts:
        now = read_now(warehouse, self._configuration.settings, self._now())
        block = now.block and OpenBlock(
            now.block.ends_at,
            Decimal(str(now.block.cost_usd)),
            None if now.block.projected_cost_usd is None else Decimal(str(now.block.projected_cost_usd)),
            now.block.cost_per_hour_usd,
        )
        return LiveCosts(sum((model.cost_usd for model in now.models), Decimal(0)), block)

    def _change(self, **changes: object) -> None:
        self._written_at = self._clock()
        self._state = replace(self._state, written_at=self._now(), **changes)  # type: ignore[arg-type]
        keep_state(self._configuration.directories, self._state)

    def _look(self, warehouse: ClickHouse | None) -> None:
        try:
            status = read_status(self._configuration, already_open=warehouse, is_brief=True) if warehouse else None
        except WarehouseError:
            status = None
        self._health = health = read_health(self._configuration, self._environ, status, self._state)
        self._publish(health)
        # What imports meet has events of its own.
        problems = [problem for problem in health.problems if problem.kind != "imports"]
        # A moment without the warehouse is nothing to wake anybody for.
        if not problems or self._was_unwell:
            self._notify(problems)
        self._was_unwell = bool(problems)

    def _publish(self, health: HealthReport) -> None:
        """Leave metrics where they are wanted; what cannot be left is said, and not again at once."""
        if not self._is_due(self._unpublished_at, PAUSE_SECONDS):
            return
        try:
            write_watch_metrics(self._configuration.settings, health)
            push_watch_metrics(self._configuration.settings, health)
        except AnnouncementError as error:
            self._unpublished_at = self._clock()
            self._warn(str(error))

    def _notify(self, problems: Sequence[Problem]) -> None:
        settings = self._configuration.settings
        if not settings.notify:
            return
        file = self._configuration.directories.state / MEMORY
        memory = read_memory(file)
        told = dict(memory.told)
        refused = self._configuration.refused("notify")
        for warning in notify_of_health(settings, problems, memory, self._environ, commands_refused=refused):
            self._warn(warning)
        if memory.told != told:
            try:
                keep_memory(file, memory)
            except ConfigurationError as error:
                self._warn(str(error))

"""Answers ClickHouse clients while `watch` has an embedded warehouse: other processes cannot read it then."""

from __future__ import annotations

import socket
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING

from ccusage_import.live.events import Ended, Event, Lent
from ccusage_import.warehouse.clickhouse_client import ClickHouse

if TYPE_CHECKING:
    from ccusage_import.serving.server import App, Background

# So long answers that have begun may take when another command wants the warehouse, and when it is the end.
LENDING_SECONDS, ENDING_SECONDS = 10.0, 0.1


class Answering:
    """Begins when the warehouse is open, and ends before it is closed; whoever asks in between waits."""

    def __init__(self, app: Callable[[ClickHouse], App], listening: socket.socket, ready: Callable[[], None]) -> None:
        self._app, self._listening, self._ready = app, listening, ready
        self._answers: Background | None = None
        self._warehouse: ClickHouse | None = None

    def hear(self, event: Event) -> None:
        """End where the warehouse is given away: the engine cannot be closed while it answers."""
        if isinstance(event, Lent | Ended) and self._answers and self._warehouse:
            from ccusage_import.serving.engine import CANCEL

            patience_seconds = LENDING_SECONDS if isinstance(event, Lent) else ENDING_SECONDS
            self._answers.end(patience_seconds, partial(self._warehouse.command, CANCEL))
            self._answers = None

    def turn(self, warehouse: ClickHouse | None, files: int, behind_seconds: float) -> None:  # noqa: ARG002 - protocol
        """Begin where it was not begun."""
        if warehouse and not self._answers:
            from ccusage_import.serving.server import Background

            self._warehouse = warehouse
            self._answers = Background(self._app(warehouse), self._listening)
            self._ready()

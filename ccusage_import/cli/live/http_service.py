"""What `serve` and `watch --listen` share: the address, the token, and the interface to the warehouse that is open."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccusage_import import ui
from ccusage_import.checks.health import health_json, read_health
from ccusage_import.checks.status import read_status
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import ConfigurationError, WarehouseError
from ccusage_import.extras import ENGINE, SERVER, install_command
from ccusage_import.warehouse.clickhouse_client import ClickHouse

if TYPE_CHECKING:
    from ccusage_import.serving.server import App


@dataclass(frozen=True, slots=True)
class Service:
    """An address that is listened to, for an embedded warehouse; `is_new` unless an earlier life listened there."""

    configuration: Configuration
    place: EmbeddedWarehouse
    host: str
    listening: socket.socket
    is_new: bool
    token: str | None
    token_file: Path

    @classmethod
    def begin(cls, configuration: Configuration, listen: str, *, without_token: bool = False) -> Service:
        """Listen; whoever asks waits until the interface answers.

        Raises:
            ConfigurationError: the warehouse is a server itself, what serves is not installed, or the address or the
                token cannot be used.
        """
        host, port = _address(listen)
        place = configuration.settings.parsed_warehouse()
        if not isinstance(place, EmbeddedWarehouse):
            raise ConfigurationError(
                f"{place} is a server already", hint="ask that server directly; only chdb:// warehouses need this"
            )
        if not all(map(find_spec, SERVER)):
            raise ConfigurationError(
                "the packages that answer over HTTP are not installed",
                hint=install_command(SERVER, Path(sys.prefix), beside=(ENGINE,)),
            )
        from ccusage_import.serving.server import LOOPBACK, kept_token, listening_socket

        if without_token and host not in LOOPBACK:
            raise ConfigurationError("--without-token: only where no other machine can ask", hint="leave out --listen")
        token_file = configuration.directories.state / "serve.token"
        token = None if without_token else kept_token(token_file)
        listening, is_new = listening_socket(host, port)
        return cls(configuration, place, host, listening, is_new, token, token_file)

    @property
    def is_local(self) -> bool:
        """Whether this machine alone is answered."""
        from ccusage_import.serving.server import LOOPBACK

        return self.host in LOOPBACK

    @property
    def address(self) -> str:
        """What a client is told."""
        shown = f"[{self.host}]" if ":" in self.host else self.host
        return f"http://{shown}:{self.listening.getsockname()[1]}"

    def app(self, opened: ClickHouse) -> App:
        """Return the interface to the warehouse, which this process has open."""
        from ccusage_import.serving.engine import Reader
        from ccusage_import.serving.http import Access, Interface
        from ccusage_import.serving.server import OWN_HOSTS

        access = Access(self.token, OWN_HOSTS if self.is_local else ())
        zone = str(opened.rows("SELECT timezone()")[0][0])
        health = partial(_health, self.configuration, opened)
        return Interface(Reader(self.place), access, opened.version, zone, health).app()

    def announce(self) -> None:
        """Say where it answers, once in the life of a command."""
        if not self.is_new:
            return
        ui.print_text(f"{self.place} answers at {self.address}, read-only")
        if self.token:
            ui.print_text(f"the password is in {self.token_file}, for any user; ^C ends it")
        sys.stdout.flush()
        if not self.is_local:
            ui.print_warning("whoever reaches this address and knows the token reads the warehouse, unencrypted")


def _health(configuration: Configuration, opened: ClickHouse) -> dict[str, Any]:
    try:
        status = read_status(configuration, already_open=opened, is_brief=True)
    except WarehouseError:
        status = None
    found: dict[str, Any] = json.loads(ui.json_text(health_json(read_health(configuration, os.environ, status))))
    return found


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ConfigurationError(f"--listen {listen}: is not HOST:PORT", hint="such as --listen 127.0.0.1:8123")
    return host.strip("[]"), int(port)

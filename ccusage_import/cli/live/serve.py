"""The command that answers for an embedded warehouse, as a ClickHouse server would."""

from __future__ import annotations

import gc
import json
import os
import sys
import time
from contextlib import ExitStack
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any

import typer

from ccusage_import import ui
from ccusage_import.checks.health import health_json, read_health
from ccusage_import.checks.status import read_status
from ccusage_import.cli.options import ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.installation import ENGINE, SERVER, adds
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import ConfigurationError, WarehouseError, WarehouseLockedError
from ccusage_import.files import POLL_SECONDS, is_wanted
from ccusage_import.processes import begin_anew
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.opening import has_warehouse, open_current


def serve(
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen; beyond this machine only by this option.")
    ] = "127.0.0.1:8123",
    without_token: Annotated[
        bool, typer.Option("--without-token", help="Answer whoever asks; on this machine alone.")
    ] = False,
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Answer ClickHouse clients for an embedded warehouse.

    It listens over HTTP, is read-only, and goes on until it is ended. Other commands may be used meanwhile: it lets
    them in, and who asks waits.
    """
    with door(verbose, quiet=quiet, as_json=False):
        configuration = configured({"warehouse": warehouse}, config)
        _serve(configuration, _address(listen), without_token=without_token, quiet=quiet)


def _serve(configuration: Configuration, address: tuple[str, int], *, without_token: bool, quiet: bool) -> None:
    # The program does without where it soon ends.
    gc.enable()
    place = _served(configuration)
    if not all(map(find_spec, SERVER)):
        raise ConfigurationError(
            "what serves over HTTP is not installed", hint=adds(SERVER, Path(sys.prefix), beside=(ENGINE,))
        )
    from ccusage_import.serving.engine import Reader
    from ccusage_import.serving.http import Access, Interface
    from ccusage_import.serving.server import (
        INHERITED,
        LOOPBACK,
        OWN_HOSTS,
        kept_token,
        listening_socket,
        serve_until_wanted,
    )

    host, port = address
    is_local = host in LOOPBACK
    if without_token and not is_local:
        raise ConfigurationError("--without-token: only this machine may ask without", hint="leave out --listen")
    token_file = configuration.directories.state / "serve.token"
    token = None if without_token else kept_token(token_file)
    listening, is_new = listening_socket(host, port)

    def ready() -> None:
        if quiet or not is_new:
            return
        shown = f"[{host}]" if ":" in host else host
        ui.print_text(f"{place} answers at http://{shown}:{listening.getsockname()[1]}, read-only")
        if not without_token:
            ui.print_text(f"the password is in {token_file}, for any user; ^C ends it")
        sys.stdout.flush()
        if not is_local:
            ui.print_warnings(["whoever reaches this address and knows the token reads the warehouse, unencrypted"])

    # Whoever waits comes first.
    while is_wanted(place.lock):
        time.sleep(POLL_SECONDS)
    with ExitStack() as stack:
        opened = _opened(stack, configuration, says=is_new)
        access = Access(token, OWN_HOSTS if is_local else ())
        interface = Interface(
            Reader(place), access, opened.version, _zone(opened), partial(_health, configuration, opened)
        )
        lends = serve_until_wanted(interface.app(), listening, place.lock, ready)
    if lends:
        begin_anew({INHERITED: str(listening.fileno())}, [listening.fileno()])


def _health(configuration: Configuration, opened: ClickHouse) -> dict[str, Any]:
    try:
        status = read_status(configuration, held=opened)
    except WarehouseError:
        status = None
    found: dict[str, Any] = json.loads(ui.json_text(health_json(read_health(configuration, os.environ, status))))
    return found


def _opened(stack: ExitStack, configuration: Configuration, *, says: bool) -> ClickHouse:
    """Open the warehouse, however long another process has it."""
    try:
        return stack.enter_context(open_current(configuration, 0, lends=True))
    except WarehouseLockedError as error:
        if says:
            ui.print_warnings([f"{error}; waiting for its end"])
    return stack.enter_context(open_current(configuration, float("inf"), lends=True))


def _zone(opened: ClickHouse) -> str:
    return str(opened.rows("SELECT timezone()")[0][0])


def _served(configuration: Configuration) -> EmbeddedWarehouse:
    place = configuration.settings.parsed_warehouse()
    if not isinstance(place, EmbeddedWarehouse):
        raise ConfigurationError(f"{place} is a server already", hint="ask it itself; serve is for chdb:// warehouses")
    if not has_warehouse(configuration):
        raise ConfigurationError(f"there is no warehouse {place} yet", hint="ccusage-import import makes it")
    return place


def _address(listen: str) -> tuple[str, int]:
    host, _, port = listen.rpartition(":")
    if not host or not port.isdigit() or int(port) > 65535:
        raise ConfigurationError(f"--listen {listen}: it is not HOST:PORT", hint="such as --listen 127.0.0.1:8123")
    return host.strip("[]"), int(port)

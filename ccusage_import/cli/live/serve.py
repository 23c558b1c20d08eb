"""The command that answers for an embedded warehouse, as a ClickHouse server would."""

from __future__ import annotations

import gc
import time
from contextlib import ExitStack
from functools import partial
from typing import Annotated

import typer

from ccusage_import import ui
from ccusage_import.cli.live.http_service import Service
from ccusage_import.cli.options import ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import WarehouseLockedError
from ccusage_import.files import POLL_SECONDS, is_wanted
from ccusage_import.processes import exec_again
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.opening import demand_warehouse, open_current


def serve(
    listen: Annotated[
        str, typer.Option(metavar="HOST:PORT", help="Where to listen; by default only this machine can ask.")
    ] = "127.0.0.1:8123",
    without_token: Annotated[
        bool,
        typer.Option("--without-token", help="Answer without a token; only where no other machine can ask."),
    ] = False,
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
) -> None:
    """Answer ClickHouse clients for an embedded warehouse.

    Over HTTP and read-only, until you end it. Other commands can use the warehouse meanwhile: they get it for a moment,
    and clients wait.
    """
    with door(verbose, quiet=quiet, as_json=False):
        configuration = configured({"warehouse": warehouse}, config)
        _serve(configuration, listen, without_token=without_token, quiet=quiet)


def _serve(configuration: Configuration, listen: str, *, without_token: bool, quiet: bool) -> None:
    # The program does without where it soon ends.
    gc.enable()
    demand_warehouse(configuration, "serve")
    service = Service.begin(configuration, listen, without_token=without_token)
    from ccusage_import.serving.engine import CANCEL
    from ccusage_import.serving.server import INHERITED, serve_until_wanted

    # Whoever waits comes first.
    while is_wanted(service.place.lock):
        time.sleep(POLL_SECONDS)
    with ExitStack() as stack:
        opened = _opened(stack, configuration, says=service.is_new)

        def ready() -> None:
            if not quiet:
                service.announce()

        cancel = partial(opened.command, CANCEL)
        lends = serve_until_wanted(service.app(opened), service.listening, service.place.lock, ready, cancel)
    if lends:
        descriptor = service.listening.fileno()
        exec_again({INHERITED: str(descriptor)}, [descriptor])


def _opened(stack: ExitStack, configuration: Configuration, *, says: bool) -> ClickHouse:
    """Open the warehouse, however long another process has it."""
    try:
        return stack.enter_context(open_current(configuration, 0, lends=True))
    except WarehouseLockedError as error:
        if says:
            ui.print_warning(f"{error}; waiting for its end")
    return stack.enter_context(open_current(configuration, float("inf"), lends=True))

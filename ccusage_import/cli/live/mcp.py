"""The command that answers coding agents over the Model Context Protocol."""

from __future__ import annotations

import gc
import importlib.util
import sys
from pathlib import Path

from ccusage_import.cli.options import ConfigFile, WarehouseUrl, configured, door
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.extras import ENGINE, PROTOCOL, install_command


def mcp(config: ConfigFile = None, warehouse: WarehouseUrl = None) -> None:
    """Answer a coding agent over the Model Context Protocol.

    Uses stdin and stdout, and only reads. In Claude Code: claude mcp add usage -- ccusage-import mcp
    """
    with door(0, quiet=False, as_json=False):
        if importlib.util.find_spec(PROTOCOL) is None:
            raise ConfigurationError("mcp: the SDK of the Model Context Protocol is not installed", hint=_adds())
        # What cannot be used is said at once, not at the first question.
        configured({"warehouse": warehouse}, config)
        # Unlike other commands this one lives long.
        gc.enable()
        from ccusage_import.cli.live.mcp_server import serve

        serve(config, warehouse)


def _adds() -> str:
    beside = (ENGINE,) if importlib.util.find_spec("chdb") else ()
    return install_command((PROTOCOL,), Path(sys.prefix), beside=beside)

"""One call of a tool, in a process of its own: `python -P -m ccusage_import.cli.live.mcp_worker < request`.

The engine leaves threads and open files whenever it is closed, and its memory is that of the process. So the server
holds none: a process answers one call, and with it lock, threads, files and memory of the engine are gone.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any

from ccusage_import import ui
from ccusage_import.cli.live.mcp_answers import TOOLS
from ccusage_import.cli.options import configured
from ccusage_import.exceptions import FixableError
from ccusage_import.logger import log_to_console


def main() -> None:
    """Read one request from stdin, and print the answer or the error."""
    log_to_console(-1)
    request = json.load(sys.stdin)
    config = Path(request["config"]) if request["config"] else None
    try:
        configuration = configured({"warehouse": request["warehouse"]}, config)
        answer: dict[str, Any] = {"answer": TOOLS[request["tool"]](configuration, **request["arguments"])}
    except FixableError as error:
        answer = {"error": ui.error_json(error)}
    # One line, and nothing that a model would have to read twice.
    sys.stdout.buffer.write(json.dumps(json.loads(ui.json_text(answer)), ensure_ascii=False).encode("utf-8", "replace"))
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    os.umask(0o077)
    main()

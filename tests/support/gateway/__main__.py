"""The process: its arguments, and its end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import sys
import threading
from collections.abc import Sequence
from pathlib import Path

from tests.support.gateway.engine import Engine
from tests.support.gateway.server import Server
from tests.support.gateway.users import User


def stop_at_end_of_stdin(server: Server) -> None:
    while os.read(0, 4096):
        pass
    server.shutdown()


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="ClickHouse's HTTP interface over the embedded engine, for tests.")
    parser.add_argument("--path", type=Path, required=True, help="the engine's data directory")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--ready-file", type=Path, help='written when accepting: {"port": N, "pid": N}')
    parser.add_argument("--user", type=User.parse, action="append", metavar="NAME:PASSWORD[:readonly]")
    parser.add_argument("--timezone", default="UTC", help="the server's time zone")
    parser.add_argument("--config", type=Path, help="the engine's configuration: what its user may do")
    parser.add_argument("--version-override", metavar="VERSION", help="what version() answers")
    parser.add_argument("--until-stdin-closes", action="store_true", help="stop when the parent is gone")
    options = parser.parse_args(arguments)
    os.environ["TZ"] = options.timezone
    engine = Engine(options.path, options.version_override, options.user or [User()], options.config)
    server = Server(options.port, engine)
    # shutdown() waits for serve_forever(), which the signal interrupts: hence the thread.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    if options.until_stdin_closes:
        threading.Thread(target=stop_at_end_of_stdin, args=[server], daemon=True).start()
    ready = json.dumps({"port": server.server_port, "pid": os.getpid()})
    if options.ready_file:
        partial = options.ready_file.with_suffix(".partial")
        partial.write_text(ready)
        partial.replace(options.ready_file)
    else:
        print(ready, flush=True)
    server.serve_forever(poll_interval=0.05)
    server.server_close()
    if not server.finish():
        return 1
    engine.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())

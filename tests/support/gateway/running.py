"""A gateway for the length of a `with` block, and what tests ask of it."""

from __future__ import annotations

import contextlib
import http.client
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from urllib.parse import quote

from tests.support.gateway.faults import Fault
from tests.support.gateway.server import HOST, STOP_TIMEOUT_SECONDS
from tests.support.gateway.users import User

START_TIMEOUT_SECONDS = 60.0


@dataclass(frozen=True)
class Gateway:
    host: str
    port: int
    process: subprocess.Popen[bytes]
    users: tuple[User, ...]

    def url(self, user: str = "default", database: str = "default") -> str:
        password = next(known.password for known in self.users if known.name == user)
        secret = f":{quote(password, safe='')}" if password else ""
        return f"clickhouse://{quote(user, safe='')}{secret}@{self.host}:{self.port}/{database}"

    def fail(self, kind: str, *, match: str = "", skip: int = 0, times: int = 1, seconds: float = 0.0) -> None:
        """Arm a fault; the kinds are FAULT_KINDS. The client replays a dropped INSERT once: see `times`."""
        self._control("POST", "/fault", json.dumps(asdict(Fault(kind, match, skip, times, seconds))))

    def clear_faults(self) -> None:
        self._control("POST", "/fault", json.dumps({"kind": "clear"}))

    def statements(self) -> list[str]:
        """The statements received so far, dropped ones included, each cut to 1000 bytes."""
        return list(json.loads(self._control("GET", "/requests"))["statements"])

    def changes(self, database: str) -> list[str]:
        """The statements that were to change a database since this was asked last, each cut to 200 bytes.

        With them comes `fault` where one was armed, and `others run` while a statement is not answered yet.
        """
        return list(json.loads(self._control("POST", "/changes", database)))

    def _control(self, method: str, path: str, body: str | None = None) -> bytes:
        connection = http.client.HTTPConnection(self.host, self.port, timeout=STOP_TIMEOUT_SECONDS)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            answer = connection.getresponse()
            text = answer.read()
        if answer.status != 200:
            raise ValueError(text.decode())
        return text


@contextlib.contextmanager
def running_gateway(
    path: Path,
    users: Sequence[User] = (User(),),
    version: str | None = None,
    timezone: str = "UTC",
    config: Path | None = None,
    port: int = 0,
) -> Iterator[Gateway]:
    """A gateway over the data directory `path` for the length of the block."""
    with tempfile.TemporaryDirectory(prefix="gateway-") as scratch:
        ready, log = Path(scratch, "ready.json"), Path(scratch, "stderr")
        command = [
            sys.executable,
            "-m",
            "tests.support.gateway",
            "--path",
            str(path.absolute()),
            "--timezone",
            timezone,
        ]
        command += ["--ready-file", str(ready), "--until-stdin-closes"]
        command += [part for user in users for part in ("--user", str(user))]
        command += ["--version-override", version] if version else []
        command += ["--config", str(config)] if config else []
        command += ["--port", str(port)]
        with log.open("wb") as stderr:
            process = subprocess.Popen(
                command,
                cwd=Path(__file__).parent.parent.parent.parent,
                stdin=subprocess.PIPE,  # closed by our death, whatever kills us
                stdout=subprocess.DEVNULL,
                stderr=stderr,
                start_new_session=True,
            )
        try:
            port = wait_until_ready(process, ready, log)
            yield Gateway(HOST, port, process, tuple(users))
        finally:
            stop(process)


def wait_until_ready(process: subprocess.Popen[bytes], ready: Path, log: Path) -> int:
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not ready.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise RuntimeError(f"the gateway did not start: {log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.01)
    return int(json.loads(ready.read_text())["port"])


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    if process.stdin:
        process.stdin.close()

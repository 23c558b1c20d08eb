"""Prometheus and its Pushgateway as real processes on free ports of this machine, from Debian's packages."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.gateway.running import stop

REPOSITORY = Path(__file__).parent.parent.parent
ALERTS = REPOSITORY / "monitoring" / "prometheus" / "alerts.yml"
PROGRAMS = ("prometheus", "promtool", "prometheus-pushgateway")
START_TIMEOUT_SECONDS = 30.0


def missing_programs() -> list[str]:
    """Return the programs that are not installed."""
    return [program for program in PROGRAMS if shutil.which(program) is None]


def promtool(*arguments: str | Path, text: str = "") -> tuple[int, str]:
    """Run promtool; return its exit code and all it printed."""
    done = subprocess.run(
        ["promtool", *map(str, arguments)],
        input=text,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout


@contextmanager
def running_pushgateway(directory: Path, web_config: str = "") -> Iterator[str]:
    """An empty Pushgateway for the length of the block; yields host and port."""
    config = directory / "web.yml"
    config.write_text(web_config)
    # Debian's keeps what is pushed for its next start.
    command = ["prometheus-pushgateway", "--persistence.file=", f"--web.config.file={config}"]
    with _running(command, directory / "pushgateway.log") as address:
        yield address


@contextmanager
def running_prometheus(directory: Path, pushgateway: str) -> Iterator[str]:
    """A Prometheus with the alert rules that scrapes the Pushgateway every second; yields host and port."""
    config = directory / "prometheus.yml"
    job = {"job_name": "pushgateway", "honor_labels": True, "static_configs": [{"targets": [pushgateway]}]}
    # JSON is YAML.
    config.write_text(
        json.dumps(
            {
                "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
                "rule_files": [str(ALERTS)],
                "scrape_configs": [job],
            }
        )
    )
    command = ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={directory / 'tsdb'}"]
    with _running(command, directory / "prometheus.log") as address:
        until(lambda: fetch(f"http://{address}/-/ready", default=b""), "Prometheus is ready")
        yield address


def ask(prometheus: str, query: str) -> list[dict[str, Any]]:
    """Return the result of an instant query."""
    answer = json.loads(fetch(f"http://{prometheus}/api/v1/query?query={quote(query)}"))
    return list(answer["data"]["result"])


def fetch(url: str, default: bytes | None = None) -> bytes:
    """Return what an address answers, or the default where the answer is an error."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            return bytes(answer.read())
    except urllib.error.HTTPError as error:
        error.close()
        if default is None:
            raise
        return default


def until(look: Callable[[], Any], what: str) -> Any:
    """Look until there is something to see, and return it."""
    deadline = time.monotonic() + START_TIMEOUT_SECONDS
    while not (found := look()):
        assert time.monotonic() < deadline, f"waited in vain: {what}"
        time.sleep(0.1)
    return found


@contextmanager
def _running(command: Sequence[str], log: Path) -> Iterator[str]:
    """Run a program on a port that it chooses itself; yields the address that it logs."""
    with log.open("wb") as stream:
        process = subprocess.Popen(
            [*command, "--web.listen-address=127.0.0.1:0"], stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )
    try:
        yield until(lambda: _logged_address(process, log), f"{command[0]} listens")
    finally:
        stop(process)


def _logged_address(process: subprocess.Popen[bytes], log: Path) -> str:
    text = log.read_text(errors="replace")
    assert process.poll() is None, text[-2000:]
    found = re.search(r'msg="Listening on" address=(\S+)', text)
    return found[1] if found else ""

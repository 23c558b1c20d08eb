"""What `watch` says of itself: to `status`, to the status line, to Prometheus, to people, and to a service manager."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from ccusage_import.config.directories import Directories
from ccusage_import.config.kept.copies import last_copies
from ccusage_import.config.kept.watching import last_state
from ccusage_import.config.layers import load_configuration
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import ConfigurationError, WarehouseUnreachableError
from ccusage_import.live.events import Ended, ImportFailed, Importing, Lent, Lost, Regained, Watching
from ccusage_import.live.reporting import Reporter
from ccusage_import.live.service_manager import ServiceManager
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from tests.config.test_config import IDENTITY
from tests.conftest import Place, Program
from tests.monitoring.test_metrics import values_in
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.exhaustive import some_of
from tests.support.gateway.running import Gateway
from tests.support.receiver import Receiver
from tests.support.watching import watching

MACHINE = '{machine="laptop"}'


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """A data directory with one answer of today: $1.50."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("today", days_ago(0, hour=0), 100_000)
    return claude


def health(program: Program, place: Place) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(program("status", "--json", "--warehouse", place.url).stdout)["health"]
    return found


@pytest.mark.exhaustive_at("http")
@pytest.mark.exhaustive
def test_the_status_knows_the_watch(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    assert health(program, migrated)["watch"] is None
    assert program("import", *where).exit_code == 0
    with watching(program, *where, "--reports-every", "0") as watch:
        claude.say("today", days_ago(0, hour=0), 10)
        watch.until_stored(1)
        found = health(program, migrated)
        assert (found["healthy"], found["problems"], found["warehouse_reachable"]) == (True, [], True)
        assert (found["lag_seconds"], found["watch"]["is_running"]) == (0.0, True)
        assert (found["watch"]["process"], found["watch"]["phase"]) == (watch.process.pid, "watching")
        watch.until(lambda: bool(health(program, migrated)["watch"]["last_stored_at"]))
        # Where it lent the warehouse meanwhile, it is the same process, and still runs.
        after = health(program, migrated)["watch"]
        assert (after["process"], after["is_running"]) == (watch.process.pid, True)
        assert after["last_stored_at"] >= found["last_success_at"]
        assert watch.end() == 0
    found = health(program, migrated)
    assert (found["watch"]["phase"], found["watch"]["is_running"], found["lag_seconds"]) == ("ended", False, None)
    with watching(program, *where, "--reports-every", "0") as watch:
        watch.process.kill()
        watch.process.wait()
    shown = program("status", "--warehouse", migrated.url)
    assert (shown.exit_code, "was killed after " in shown.stdout) == (0, True), shown


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_the_status_line_is_as_young_as_the_facts(migrated: Place, program: Program, claude: ClaudeDir) -> None:
    where = ("--warehouse", migrated.url, "--claude-dir", claude.root)
    assert program("import", *where, "--timezone", "UTC").exit_code == 0
    assert line(program).startswith("today $1.50")
    with watching(program, *where, "--reports-every", "0", TZ="UTC") as watch:
        claude.say("today", datetime.now(UTC), 200_000)
        watch.until_stored(1)
        watch.until(lambda: line(program).startswith("today $4.50"))
        # The block is that of the new answer, too.
        assert " · block $" in line(program)
        assert watch.end() == 0


def line(program: Program) -> str:
    return program("statusline").stdout


def on_server(gateway: Gateway, program: Program, database: str) -> Place:
    place = Place(gateway.url(database=database), gateway)
    assert program("migrate", "--warehouse", place.url, "--create-database").exit_code == 0
    return place


@pytest.mark.exhaustive
def test_copies_are_known_while_they_are_there(
    embedded: Callable[[str], Place], gateway: Gateway, program: Program, claude: ClaudeDir, tmp_path: Path
) -> None:
    laptop = embedded("laptop")
    where = ("--warehouse", laptop.url)
    assert program("import", *where, "--claude-dir", claude.root).exit_code == 0
    before = health(program, laptop)
    assert (before["last_push_at"], before["newest_backup_at"]) == (None, None)
    assert program("push", on_server(gateway, program, "copies").url, *where).exit_code == 0
    assert health(program, laptop)["last_push_at"] >= f"{datetime.now(UTC):%Y-%m-%d}"
    assert program("backup", tmp_path / "backup", *where).exit_code == 0
    assert health(program, laptop)["newest_backup_at"] >= f"{datetime.now(UTC):%Y-%m-%d}"
    (tmp_path / "backup").rename(tmp_path / "elsewhere")
    assert health(program, laptop)["newest_backup_at"] is None


def configuration_of(tmp_path: Path, url: str, **flags: object) -> Configuration:
    directories = Directories.within(tmp_path / "own")
    (tmp_path / "own" / "state").mkdir(parents=True, exist_ok=True)
    settings = {"warehouse": url, "machine": "laptop", "claude_dirs": (tmp_path / "claude",), **flags}
    return load_configuration(settings, {}, identity=IDENTITY, directories=directories)


def test_a_damaged_note_of_copies_is_none(tmp_path: Path) -> None:
    configuration = configuration_of(tmp_path, f"chdb://{tmp_path}/warehouse")
    (tmp_path / "own" / "state" / "copies.json").write_text("{")
    assert last_copies(configuration).pushed_at is None


@pytest.mark.exhaustive
def test_people_hear_once_that_all_is_not_well_and_once_that_it_is(
    gateway: Gateway, claude: ClaudeDir, program: Program, tmp_path: Path, receiver: Receiver
) -> None:
    place = on_server(gateway, program, "unwell")
    where = ("--warehouse", place.url, "--claude-dir", claude.root, "--machine", "laptop")
    assert program("import", *where).exit_code == 0
    metrics = tmp_path / "ccusage.prom"
    configuration = configuration_of(
        tmp_path, place.url, metrics_file=metrics, notify=({"type": "webhook", "url": receiver.url},)
    )
    warnings: list[str] = []
    reporter = Reporter(configuration, {}, warnings.append, look_seconds=0)
    written = tmp_path / "ccusage-watch.prom"
    reporter.hear(Watching((claude.root,), polls=False))
    with open_warehouse(parse_warehouse_url(place.url)) as opened:
        reporter.turn(opened, 1, 0.0)
        assert values_in(written.read_text())[f"watch_healthy{MACHINE}"] == 1
        reporter.hear(Lost(WarehouseUnreachableError("is gone")))
        # A moment without it wakes nobody.
        reporter.turn(None, 1, 12.5)
        assert receiver.heard() == []
        reporter.turn(None, 1, 400.0)
        [request] = receiver.requests
        document = request.document
        del document["at"]
        assert document == {
            "event": "unwell",
            "machine": "laptop",
            "title": "laptop: the warehouse cannot be reached",
            "text": "facts wait for 7 min\nmore: ccusage-import status",
            "exit_code": 6,
            "details": {"problems": ["warehouse", "facts"]},
        }
        receiver.requests.clear()
        values = values_in(written.read_text())
        assert (values[f"watch_healthy{MACHINE}"], values[f"watch_lag_seconds{MACHINE}"]) == (0, 400)
        reporter.turn(None, 1, 430.0)
        # Whoever comes after it knows what was told.
        reporter = Reporter(configuration, {}, warnings.append, look_seconds=0)
        reporter.hear(Regained(430.0))
        reporter.turn(opened, 1, 0.0)
        reporter.turn(opened, 1, 0.0)
        assert receiver.heard() == ["well"]
    reporter.hear(Ended())
    values = values_in(written.read_text())
    assert (values[f"watch_up{MACHINE}"], values[f"watch_files{MACHINE}"]) == (0, 1)
    assert warnings == []


@pytest.mark.parametrize("jump", some_of([timedelta(hours=8), timedelta(hours=-8)], 0))
def test_all_is_written_anew_at_once_when_a_machine_wakes_or_its_clock_is_set(
    tmp_path: Path, claude: ClaudeDir, jump: timedelta
) -> None:
    assert claude.root.is_dir()
    metrics = tmp_path / "ccusage.prom"
    configuration = configuration_of(tmp_path, f"chdb://{tmp_path}/warehouse", metrics_file=metrics)
    clock = [datetime(2026, 3, 29, 0, 30, tzinfo=UTC)]

    def seconds_now() -> float:
        return clock[0].timestamp()

    warnings: list[str] = []
    reporter = Reporter(configuration, {}, warnings.append, clock=seconds_now)
    reporter.hear(Watching((claude.root,), polls=False))
    written = tmp_path / "ccusage-watch.prom"

    def passes(seconds: float) -> datetime:
        """Give it a turn after so long, and return when it says that it wrote."""
        clock[0] += timedelta(seconds=seconds)
        reporter.turn(None, 1, 0.0)
        state = last_state(configuration.directories)
        assert state
        return state.written_at

    assert passes(14) == datetime(2026, 3, 29, 0, 30, 14, tzinfo=UTC)
    assert (passes(14), written.exists()) == (datetime(2026, 3, 29, 0, 30, 14, tzinfo=UTC), False)
    clock[0] += jump
    assert passes(0) == datetime(2026, 3, 29, 0, 30, 28, tzinfo=UTC) + jump
    values = values_in(written.read_text())
    assert values[f"watch_written_timestamp_seconds{MACHINE}"] == clock[0].timestamp()
    assert values[f"watch_lag_seconds{MACHINE}"] == 0


def test_facts_wait_until_the_warehouse_is_regained_whatever_else_happens(tmp_path: Path) -> None:
    configuration = configuration_of(tmp_path, f"chdb://{tmp_path}/warehouse")
    reporter = Reporter(configuration, {}, print)
    lost = WarehouseUnreachableError("no answer")
    phases = []
    for event in (Lost(lost), Watching((), polls=False), Importing(), ImportFailed(lost), Regained(1.0)):
        reporter.hear(event)
        state = last_state(configuration.directories)
        phases.append(state and state.phase)

    assert phases == ["facts wait", "facts wait", "importing", "facts wait", "watching"]


def test_what_cannot_be_told_is_said_once_and_ends_nothing(tmp_path: Path, claude: ClaudeDir) -> None:
    assert claude.root.is_dir()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    configuration = configuration_of(
        tmp_path,
        f"chdb://{tmp_path}/warehouse",
        metrics_file=tmp_path / "missing" / "ccusage.prom",
        pushgateway=SecretStr(f"http://127.0.0.1:{port}"),
    )
    warnings: list[str] = []
    reporter = Reporter(configuration, {}, warnings.append, look_seconds=0)
    for _ in range(3):
        reporter.turn(None, 0, 0.0)
    assert [warning.partition(": ")[0] for warning in warnings] == [
        f"metrics_file {tmp_path}/missing/ccusage-watch.prom"
    ]


@pytest.mark.parametrize("address", some_of(["{}/notify", "@{}-notify"], 0))
def test_a_service_manager_hears_that_it_is_ready_that_it_goes_on_and_that_it_ends(
    tmp_path: Path, address: str
) -> None:
    named = address.format(tmp_path)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(f"\0{named[1:]}" if named.startswith("@") else named)
        listening.settimeout(5)
        manager = ServiceManager({"NOTIFY_SOCKET": named})
        manager.hear(Watching((tmp_path,), polls=False))
        manager.turn(None, 3, 0.0)
        manager.turn(None, 3, 0.0)
        manager.hear(Importing())
        manager.hear(Lost(ConfigurationError("secret")))
        manager.hear(Regained(3.0))
        manager.hear(Lent())
        manager.hear(Ended())
        heard = [listening.recv(1000).decode() for _ in range(8)]
    assert heard == [
        "READY=1",
        "STATUS=watching",
        "WATCHDOG=1",
        "STATUS=importing the reports",
        f"STATUS=facts wait in the transcripts: {ConfigurationError('').kind}",
        "STATUS=watching",
        "STATUS=another command has the warehouse",
        "STOPPING=1",
    ]


def test_without_a_service_manager_nothing_is_said(tmp_path: Path) -> None:
    for environ in ({}, {"NOTIFY_SOCKET": str(tmp_path / "nobody")}):
        manager = ServiceManager(environ)
        manager.hear(Watching((), polls=True))
        manager.goes_on()
    assert list(tmp_path.iterdir()) == []

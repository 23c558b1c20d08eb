"""Faults: killed imports, broken connections, full disks, readers at work. `python -m tests.faults` does more of it."""

from __future__ import annotations

import json
import pickle
import re
import shlex
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import product
from pathlib import Path

import pytest

from ccusage_import.exceptions import ExitCode
from ccusage_import.warehouse import publish, tables
from ccusage_import.warehouse.tables import Load, write_load
from tests.conftest import made_once
from tests.faults.documents import save_generation
from tests.faults.facts import embedded_facts_lab, http_facts_lab
from tests.faults.harness import (
    MACHINE,
    Installation,
    Lab,
    copied,
    embedded_lab,
    http_lab,
    moved,
    new_user,
    read_state,
    restore_rows,
)
from tests.faults.kills import INTERRUPTED, Stepped, Tally, interrupt_imports, kill_imports, points_of, print_tallies
from tests.faults.network import FAULTS, FOR_GOOD, break_requests, statements_of
from tests.faults.readers import watch_imports
from tests.support.disks import mounted, needs_mounts, room_of
from tests.support.exhaustive import some_of
from tests.support.gateway.running import Gateway, running_gateway, stop, wait_until_ready
from tests.support.gateway.users import User
from tests.support.waiting import is_alive, wait_until

SEED = 7
MIB = 2**20
# What generation 1 changes, counted by hand: daily 1 new, 10 grew, 1 held; monthly 2; sessions 1 + 14; blocks 1 + 7;
# projects 2 + 20. The held one is logged, but not written.
LOGGED_OF_0, LOGGED_OF_1, WRITTEN_OF_1 = 152, 59, 58


# Labs take longer than what is done in them: they are made once for all workers, which copy them.
@pytest.fixture(scope="session")
def embedded(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    root = made_once(tmp_path_factory, "embedded-lab", make_embedded)
    return copied(kept_lab(root)[0], tmp_path_factory.mktemp("embedded"))


def make_embedded(root: Path) -> None:
    keep_lab(root, embedded_lab(root), ())


@dataclass(frozen=True)
class Stopped:
    """A lab behind HTTP of which no process runs, and the points of its import."""

    root: Path
    lab: Lab
    points: Sequence[str]

    def copied(self, directory: Path) -> Path:
        """Copy the files of its user and of its server; return the directory of the engine."""
        shutil.copytree(self.root / "home", directory / "home")
        shutil.copytree(self.root / "engine", directory / "engine", symlinks=True)
        return directory / "engine"


@pytest.fixture(scope="session")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Stopped:
    root = made_once(tmp_path_factory, "stopped-lab", make_stopped)
    return Stopped(root, *kept_lab(root))


def make_stopped(root: Path) -> None:
    with running_gateway(root / "engine") as running:
        lab = http_lab(root, running)
        keep_lab(root, lab, points_of(lab))


def keep_lab(root: Path, lab: Lab, points: Sequence[str]) -> None:
    (root / "lab").write_bytes(pickle.dumps((lab, points)))


def kept_lab(root: Path) -> tuple[Lab, Sequence[str]]:
    lab, points = pickle.loads((root / "lab").read_bytes())
    return replace(lab, newer=root / "newer"), points


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, stopped: Stopped) -> Iterator[Gateway]:
    users = (User(), User("writer", "s3cret"))
    with running_gateway(stopped.copied(tmp_path_factory.mktemp("server")), users) as running:
        yield running


@pytest.fixture(scope="module")
def behind_http(stopped: Stopped, server: Gateway, tmp_path_factory: pytest.TempPathFactory) -> Lab:
    lab = moved(stopped.lab, shutil.copytree(stopped.root / "home", tmp_path_factory.mktemp("http") / "home"), server)
    # Tests look at what an import asked the server.
    lab.restore()
    lab.load()
    return lab


@pytest.fixture(params=some_of(["embedded", "behind_http"], 0))
def lab(request: pytest.FixtureRequest) -> Lab:
    """A warehouse with older reports of two machines, and newer reports of one of them to import."""
    found: Lab = request.getfixturevalue(request.param)
    found.restore()
    return found


def assert_all_survived(tallies: list[Tally]) -> None:
    print_tallies(tallies)
    assert [text for tally in tallies for text in tally.complaints] == []
    assert [tally.survived for tally in tallies] == [tally.attempted for tally in tallies]


def assert_one_error(finished: tuple[int, str, str], pattern: str, exit_code: int = 4) -> None:
    """One line says what went wrong; nothing but a hint follows it."""
    code, _, stderr = finished
    first, *more = stderr.splitlines()
    assert re.fullmatch(f"ccusage-import: error: {pattern}", first), stderr
    assert [line for line in more if not line.startswith("hint: ")] == []
    assert code == exit_code, stderr


def assert_healthy(lab: Lab) -> None:
    """As before or as after, everywhere; and the next import brings what is after, once."""
    assert lab.complaints() == []


# --- processes that end in the middle ---------------------------------------------------------


@pytest.mark.exhaustive
def test_a_killed_import_leaves_all_or_nothing(embedded: Lab) -> None:
    tallies = kill_imports(embedded, 30, SEED)

    assert_all_survived(tallies)
    assert sum(tally.attempted for tally in tallies) == 30
    assert sum(tally.in_time for tally in tallies) >= 24, "most kills have to hit a living import"
    assert 3 <= sum(tally.published for tally in tallies) <= 27, "kills have to hit on both sides of the publication"


@pytest.mark.exhaustive
def test_a_killed_first_import_leaves_all_or_nothing(tmp_path: Path) -> None:
    tallies = kill_imports(embedded_lab(tmp_path, is_first=True), 9, SEED, "first import: SIGKILL")

    assert_all_survived(tallies)
    assert sum(tally.attempted for tally in tallies) == 9
    assert sum(tally.in_time for tally in tallies) >= 7


@pytest.mark.exhaustive
def test_a_killed_import_of_many_records_leaves_all_or_nothing(tmp_path: Path) -> None:
    lab = embedded_lab(tmp_path, is_first=True, logged_at_once=60)
    writes = [point.removeprefix("before ") for point in points_of(lab) if point.startswith("before insert")]
    assert writes[-5:] == [*["insert changes"] * 3, "insert records", "insert loads"]

    tallies = kill_imports(lab, 12, SEED, "many records: SIGKILL")

    assert_all_survived(tallies)
    assert sum(tally.attempted for tally in tallies) == 12
    assert sum(tally.in_time for tally in tallies) >= 9


@pytest.mark.exhaustive
def test_a_killed_reading_of_transcripts_leaves_every_fact_once(tmp_path: Path) -> None:
    tallies = kill_imports(embedded_facts_lab(tmp_path), 5, SEED, "facts: SIGKILL")

    assert_all_survived(tallies)
    assert sum(tally.attempted for tally in tallies) == 5
    assert sum(tally.in_time for tally in tallies) >= 4


@pytest.mark.exhaustive
def test_an_interrupted_import_says_so_and_leaves_all_or_nothing(embedded: Lab) -> None:
    tallies = interrupt_imports(embedded, 18, SEED)

    assert_all_survived(tallies)
    assert sum(tally.in_time for tally in tallies) >= 15


# Runs the program, which gets a signal at the moment it begins to import a module, while other threads wait for it.
SIGNALLED_AT = """
import os, runpy, sys, time
number, module = int(sys.argv.pop(1)), sys.argv.pop(1)
class Finder:
    def find_spec(self, name, path=None, target=None):
        if name == module:
            sys.meta_path.remove(self)
            time.sleep(0.3)
            os.kill(os.getpid(), number)
sys.meta_path.insert(0, Finder())
runpy.run_module("ccusage_import", run_name="__main__")
"""


# The last one is half of a package that two threads are in.
MODULES = ("ccusage_import.cli.app", "pydantic", "clickhouse_connect", "tenacity.asyncio")


def run_signalled(lab: Lab, number: signal.Signals, module: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the program, and send it a signal when it imports a module."""
    return subprocess.run(
        [sys.executable, "-c", SIGNALLED_AT, str(int(number)), module, *arguments],
        env=lab.installation.environ(),
        cwd=Path(__file__).parent.parent.parent,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize(
    ("number", "module"),
    some_of(product((signal.SIGTERM, signal.SIGINT), MODULES), 5),
)
@pytest.mark.exhaustive
def test_an_import_is_interrupted_while_it_starts(embedded: Lab, number: signal.Signals, module: str) -> None:
    embedded.restore()

    done = run_signalled(embedded, number, module, "import", "--from", str(embedded.newer))

    assert (done.returncode, done.stdout, done.stderr) == (130, "", INTERRUPTED)
    assert read_views(embedded) == embedded.before.views
    assert_healthy(embedded)


# What another thread imports while ccusage runs.
LOADED_MEANWHILE = ("clickhouse_connect", "ccusage_import.steps.reports", "chdb")


@pytest.mark.parametrize(("number", "module"), some_of(product((signal.SIGTERM, signal.SIGINT), LOADED_MEANWHILE), 2))
@pytest.mark.exhaustive
def test_an_import_is_interrupted_while_it_loads_behind_ccusage(
    embedded: Lab, tmp_path: Path, number: signal.Signals, module: str
) -> None:
    embedded.restore()
    pids, ccusage = tmp_path / "pids", tmp_path / "ccusage"
    ccusage.write_text(SLOW_CCUSAGE.format(pids=pids))
    ccusage.chmod(0o755)
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    live = ("import", "--ccusage", shlex.quote(str(ccusage)), "--claude-dir", str(tmp_path / "claude"))

    done = run_signalled(embedded, number, module, *live)

    assert (done.returncode, done.stdout, done.stderr) == (130, "", INTERRUPTED)
    wait_until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))
    assert read_views(embedded) == embedded.before.views
    assert_healthy(embedded)


SLOW_CCUSAGE = """#!/bin/sh
case "$*" in *--version*) echo 20.0.24; exit;; esac
sleep 300 &
echo $$ $! >> "{pids}"
wait
"""


@pytest.mark.parametrize("signals", some_of([[signal.SIGTERM], [signal.SIGINT], [signal.SIGINT, signal.SIGINT]], 2))
def test_an_interrupted_fetch_leaves_no_process(embedded: Lab, tmp_path: Path, signals: list[signal.Signals]) -> None:
    embedded.restore()
    pids, ccusage = tmp_path / "pids", tmp_path / "ccusage"
    ccusage.write_text(SLOW_CCUSAGE.format(pids=pids))
    ccusage.chmod(0o755)
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    process = embedded.installation.start(
        "import", "--ccusage", shlex.quote(str(ccusage)), "--claude-dir", tmp_path / "claude", "--jobs", "5"
    )
    wait_until(lambda: pids.exists() and len(pids.read_text().split()) == 10)

    for number in signals:
        process.send_signal(number)
        time.sleep(0.05)

    assert process.communicate(timeout=30)[1] == INTERRUPTED
    assert process.returncode == 130
    wait_until(lambda: not any(is_alive(int(pid)) for pid in pids.read_text().split()))
    assert read_views(embedded) == embedded.before.views
    assert_healthy(embedded)


def read_views(lab: Lab) -> dict[str, list[tuple[object, ...]]]:
    with lab.installation.opened() as warehouse:
        return read_state(warehouse).views


# --- the connection and the server ------------------------------------------------------------


@pytest.mark.exhaustive
def test_any_request_may_fail(behind_http: Lab, server: Gateway) -> None:
    tallies = break_requests(behind_http, server)

    assert_all_survived(tallies)
    assert [tally.fault for tally in tallies if tally.published == 0 and "once" in tally.fault] == []
    assert len(tallies) == len(FAULTS)
    assert {tally.attempted for tally in tallies} == {8}


@pytest.mark.exhaustive
def test_any_request_of_a_reading_of_transcripts_may_fail(tmp_path: Path, server: Gateway) -> None:
    faults = (("drop_before", FOR_GOOD), ("drop_after", FOR_GOOD), ("drop_after", 1), ("truncate", 1))

    tallies = break_requests(http_facts_lab(tmp_path, server), server, faults, each=8)

    assert_all_survived(tallies)
    assert min(tally.attempted for tally in tallies) >= 2


BROKEN = {
    "drop_before": r"no answer: .*Remote end closed connection.*",
    "drop_after": r"no answer: .*Remote end closed connection.*",
    "truncate": r"no answer: (.*IncompleteRead.*|the answer was cut off)",
    "status_503": r"no answer: HTTP status 503",
}


# Two pairs that differ in both, and every pair at length.
@pytest.mark.parametrize(
    ("kind", "statement"),
    some_of(product(BROKEN, ("SELECT version()", "system.columns", "INSERT INTO", "`loads`")), 5, 10),
)
def test_a_broken_connection_is_one_line(behind_http: Lab, server: Gateway, kind: str, statement: str) -> None:
    behind_http.restore()
    server.fail(kind, match=statement, times=FOR_GOOD)

    finished = behind_http.installation.run("import", "--from", behind_http.newer)

    server.clear_faults()
    assert_one_error(finished, rf"warehouse clickhouse://default@127\.0\.0\.1:\d+/ccusage: {BROKEN[kind]}")
    assert read_views(behind_http) == behind_http.before.views
    assert_healthy(behind_http)


@pytest.mark.parametrize("kind", ["drop_before", "drop_after"])
@pytest.mark.parametrize("table", some_of(["changes", "records", "loads"], 1))
def test_an_insert_sent_again_neither_doubles_nor_vanishes(
    behind_http: Lab, server: Gateway, table: str, kind: str
) -> None:
    behind_http.restore()
    already = inserts_into(table, server)
    server.fail(kind, match=already[-1].partition(table)[0] + table)

    summary = behind_http.installation.load(behind_http.newer)

    assert len(inserts_into(table, server)) - len(already) == (3 if table == "loads" else 2)
    rows = behind_http.installation.rows
    own = f"machine = '{MACHINE}'"
    assert rows(f"SELECT count() FROM changes WHERE load_id = {summary.load_id}") == [(LOGGED_OF_1,)]
    assert rows(f"SELECT count() FROM changes WHERE {own}") == [(LOGGED_OF_0 + LOGGED_OF_1,)]
    assert rows(f"SELECT count() FROM records FINAL WHERE load_id = {summary.load_id}") == [(WRITTEN_OF_1,)]
    assert rows(f"SELECT count(), uniqExact(report, key) FROM records FINAL WHERE {own}") == [(157, 157)]
    assert rows(f"SELECT state, revision FROM loads FINAL WHERE {own} ORDER BY load_id") == [("committed", 2)] * 2
    assert_healthy(behind_http)


@pytest.mark.parametrize("table", some_of(["changes", "records", "loads"], 1))
def test_an_import_that_failed_while_it_wrote_is_failing_and_not_running(
    behind_http: Lab, server: Gateway, table: str
) -> None:
    behind_http.restore()
    already = inserts_into(table, server)
    server.fail("status_503", match=already[-1].partition(table)[0] + table, times=FOR_GOOD)

    assert_one_error(behind_http.installation.run("import", "--from", behind_http.newer), r".*: HTTP status 503")

    server.clear_faults()
    exit_code, told, _ = behind_http.installation.run("status", "--json")
    status = json.loads(told)
    assert (exit_code, status["state"], status["last_import"]["state"]) == (6, "failing", "failed")
    assert_healthy(behind_http)
    assert behind_http.installation.run("status")[0] == 0


CUT_SHORT = {
    "cut_off": "no answer: the answer was cut off",
    "emptied": "sent 0 of 152 records",
    "fails_late": r"Code: 241\. DB::Exception: \(total\) memory limit exceeded\. \(MEMORY_LIMIT_EXCEEDED\)",
}


@pytest.mark.parametrize(("kind", "told"), some_of(CUT_SHORT.items(), 0))
def test_an_answer_that_was_cut_off_lets_no_smaller_number_take_the_place_of_a_larger_one(
    behind_http: Lab, server: Gateway, kind: str, told: str
) -> None:
    behind_http.restore()
    for asked in ("SELECT (SELECT groupArray", "SELECT report, machine"):
        server.fail(kind, match=asked)

    finished = behind_http.installation.run("import", "--from", behind_http.newer)

    assert_one_error(finished, rf"warehouse clickhouse://default@127\.0\.0\.1:\d+/ccusage: {told}")
    assert read_views(behind_http) == behind_http.before.views
    assert_healthy(behind_http)


def test_a_server_that_does_not_know_the_last_load_is_not_written_to(behind_http: Lab) -> None:
    user = behind_http.installation
    behind_http.restore()
    assert user.run("import", "--from", behind_http.newer)[::2] == (0, "")
    # As a replica that lags behind knows it, or a backup that somebody restored.
    restore_rows(user)

    refused = user.run("import", "--from", behind_http.newer)

    assert refused[0] == 4
    assert re.search(rf"\n  loads: load \d+ of {MACHINE} is missing\nhint: try again, in case a replica", refused[2])
    assert read_views(behind_http) == behind_http.before.views
    assert user.run("check")[0] == 6
    assert user.run("repair")[0] == 4
    assert user.run("repair", "--accept-loss")[::2] == (0, "")
    assert user.run("import", "--from", behind_http.newer)[::2] == (0, "")
    assert behind_http.shows_after()


@pytest.mark.parametrize("kind", some_of(CUT_SHORT, 0))
@pytest.mark.exhaustive
def test_what_was_to_be_asked_ahead_and_was_cut_off_is_asked_when_it_is_needed(
    behind_http: Lab, server: Gateway, kind: str
) -> None:
    behind_http.restore()
    server.fail(kind, match="SELECT (SELECT groupArray")

    finished = behind_http.installation.run("import", "--from", behind_http.newer)

    assert (finished[0], finished[2]) == (0, "")
    assert behind_http.shows_after()
    assert_healthy(behind_http)


def test_an_import_asks_a_server_no_more_than_it_must(behind_http: Lab, server: Gateway) -> None:
    asked = statements_of(behind_http, server)

    writes = [found[1] for said in asked if (found := re.match(r"INSERT INTO `?(\w+)", said))]
    assert writes == ["loads", "changes", "records", "loads"]
    assert not any(said.startswith("DESCRIBE") for said in asked)
    assert len(asked) == 8


def test_more_than_a_few_records_are_read_as_a_stream(
    behind_http: Lab, server: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    def streams() -> int:
        return sum(said.startswith("SELECT report, machine") for said in statements_of(behind_http, server))

    monkeypatch.setattr(tables, "FEW_RECORDS", 152)
    assert streams() == 0
    assert behind_http.shows_after()
    monkeypatch.setattr(tables, "FEW_RECORDS", 151)
    assert streams() == 1
    assert behind_http.shows_after()


def test_many_verdicts_are_logged_piece_by_piece_before_their_records(
    behind_http: Lab, server: Gateway, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(publish, "LOGGED_AT_ONCE", 25)
    monkeypatch.setattr(tables, "FEW_RECORDS", 25)
    asked = statements_of(behind_http, server)

    writes = [found[1] for said in asked if (found := re.match(r"INSERT INTO `?(\w+)", said))]
    assert writes == ["loads", "changes", "changes", "changes", "records", "loads"]
    assert behind_http.shows_after()
    assert_all_survived(break_requests(behind_http, server, [("drop_before", FOR_GOOD)], each=2))


@pytest.mark.exhaustive
def test_a_server_that_is_lost_after_the_commit_ends_no_import(behind_http: Lab, server: Gateway) -> None:
    asked = statements_of(behind_http, server)
    committed = max(at for at, said in enumerate(asked) if said.startswith("INSERT"))
    behind_http.restore()
    server.fail("drop_before", skip=committed + 1, times=99)

    summary = behind_http.installation.load(behind_http.newer)

    server.clear_faults()
    assert summary.exit_code == ExitCode.OK
    own = f"load_id = {summary.load_id}"
    assert behind_http.installation.rows(f"SELECT state FROM loads FINAL WHERE {own}") == [("committed",)]
    assert behind_http.installation.rows(f"SELECT count() FROM records FINAL WHERE {own}") == [(WRITTEN_OF_1,)]
    assert_healthy(behind_http)


def inserts_into(table: str, server: Gateway) -> list[str]:
    """The inserts the server has received; the driver quotes the name in those it words itself."""
    return [said for said in server.statements() if re.match(f"INSERT INTO `?{table}`? ", said)]


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("point", "number"),
    some_of(
        product(
            ("before insert changes", "before insert records", "after insert records"), (signal.SIGTERM, signal.SIGKILL)
        ),
        3,
    ),
)  # fmt: skip
def test_a_server_may_be_restarted_during_an_import(
    tmp_path: Path, stopped: Stopped, number: signal.Signals, point: str
) -> None:
    with running_gateway(stopped.copied(tmp_path)) as first:
        lab = moved(stopped.lab, tmp_path / "home", first)
        stepped = stepped_to(lab, point, stopped.points)
        first.process.send_signal(number)
        first.process.wait(30)
        with gateway_on_port(tmp_path, first.port):
            exit_code, stderr = stepped.finish()

            assert_success_or_one_error(exit_code, stderr)
            assert exit_code != 0 or lab.shows_after()
            assert_healthy(lab)


def test_a_server_may_go_away_during_an_import(tmp_path: Path, stopped: Stopped) -> None:
    with running_gateway(stopped.copied(tmp_path)) as first:
        lab = moved(stopped.lab, tmp_path / "home", first)
        stepped = stepped_to(lab, "after insert records", stopped.points)
        stop(first.process)
        exit_code, stderr = stepped.finish()
        assert_one_error((exit_code, "", stderr), r"warehouse \S+: no answer: .*")
        with gateway_on_port(tmp_path, first.port):
            assert lab.shows_after()
            assert_healthy(lab)


def stepped_to(lab: Lab, point: str, points: Sequence[str] = ()) -> Stepped:
    """Start an import that waits at the named point."""
    named = re.compile(point.replace("insert", r"insert\w*"))
    number = next(number for number, name in enumerate(points or points_of(lab)) if named.match(name))
    lab.restore()
    stepped = Stepped(lab.installation, "--from", lab.newer)
    stepped.run_to(number)
    return stepped


def assert_success_or_one_error(exit_code: int, stderr: str) -> None:
    if exit_code:
        assert_one_error((exit_code, "", stderr), r"warehouse \S+: .*")


@contextmanager
def gateway_on_port(directory: Path, port: int) -> Iterator[None]:
    """A second life of the server on `directory`/engine."""
    ready, log = directory / "ready.json", directory / "stderr"
    arguments = ("--path", directory / "engine", "--port", port, "--ready-file", ready, "--until-stdin-closes")
    with log.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.gateway", *map(str, arguments)],
            cwd=Path(__file__).parent.parent.parent,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=stderr,
        )
    try:
        wait_until_ready(process, ready, log)
        yield
    finally:
        stop(process)


def test_a_password_that_worked_before_may_be_changed(behind_http: Lab, server: Gateway) -> None:
    behind_http.restore()
    installation = replace(behind_http.installation, url=f"clickhouse://writer@127.0.0.1:{server.port}/ccusage")

    refused = installation.run("import", "--from", behind_http.newer, CCUSAGE_IMPORT_PASSWORD="0ld-one")

    assert_one_error(
        refused,
        rf"warehouse clickhouse://writer@127\.0\.0\.1:{server.port}/ccusage: user writer or its password is not"
        " accepted",
    )
    assert refused[2].splitlines()[1:] == ["hint: set CCUSAGE_IMPORT_PASSWORD"]
    assert read_views(behind_http) == behind_http.before.views
    accepted = installation.run("import", "--from", behind_http.newer, CCUSAGE_IMPORT_PASSWORD="s3cret")
    assert (accepted[0], accepted[2]) == (0, "")
    assert behind_http.shows_after()
    assert_healthy(behind_http)


@pytest.mark.parametrize("table", some_of(["records", "changes", "loads"], 1))
def test_a_table_that_was_dropped_is_an_error(tmp_path: Path, server: Gateway, table: str) -> None:
    user = new_user(tmp_path / "home", server.url(database=f"without_{table}"))
    user.load(save_generation(tmp_path / "older", 0))
    with user.opened() as warehouse:
        warehouse.command(f"DROP TABLE {table}")

    finished = user.run("import", "--from", save_generation(tmp_path / "newer", 1))

    assert_one_error(finished, rf"warehouse \S+: Code: 60\. .*{table}.*")
    if table != "records":
        assert user.rows("SELECT count() FROM records FINAL") == [(LOGGED_OF_0,)]


def test_a_schema_newer_than_the_program_is_refused(lab: Lab) -> None:
    with lab.installation.opened() as warehouse:
        row = ("0999", "", datetime.now(UTC), "9.8.7")
        warehouse.insert(
            "schema_migrations", ("version", "checksum", "applied_at", "tool_version"), [row], token="0999"
        )
    try:
        finished = lab.installation.run("import", "--from", lab.newer)
    finally:
        with lab.installation.opened() as warehouse:
            warehouse.command("ALTER TABLE schema_migrations DELETE WHERE version = '0999' SETTINGS mutations_sync = 2")

    assert_one_error(finished, r"warehouse \S+: schema 0999 is newer than this program's \d{4}")
    assert finished[2].splitlines()[1:] == ["hint: install ccusage-import 9.8.7 or newer"]
    assert read_views(lab) == lab.before.views
    assert_healthy(lab)


# --- readers ----------------------------------------------------------------------------------


@pytest.mark.exhaustive
def test_readers_see_one_whole_import_at_a_time(tmp_path: Path, server: Gateway) -> None:
    user = new_user(tmp_path / "home", server.url(database="readers"))

    watch = watch_imports(user, tmp_path / "saved", 20)

    print(f"20 imports, {watch.reads} reads, {len(watch.anomalies)} anomalies")
    assert watch.anomalies == []
    assert watch.reads >= 100
    assert len(watch.generations) >= 10, "the readers have to be at work during the imports"


# --- the machine ------------------------------------------------------------------------------


@contextmanager
def disk_of_its_own(lab: Lab, directory: Path) -> Iterator[None]:
    """Put a directory of the installation, with what is in it, on a disk of 4 MiB."""
    copy = lab.installation.home.with_name("on-disk")
    subprocess.run(["cp", "-a", directory, copy], check=True)
    try:
        with mounted(directory):
            subprocess.run(["cp", "-a", f"{copy}/.", directory], check=True)
            yield
    finally:
        subprocess.run(["rm", "-r", copy], check=True)


@needs_mounts
# The engine wants 1 MiB before it writes at all; with a little more, a later one of its writes meets the end.
@pytest.mark.parametrize("room", some_of((0, MIB // 2, *(MIB + kib * 1024 for kib in range(0, 200, 20))), 0, 5))
def test_a_full_disk_is_an_error_that_harms_nothing(embedded: Lab, room: int) -> None:
    embedded.restore()
    warehouse = embedded.installation.home / "warehouse"
    with disk_of_its_own(embedded, warehouse):
        with room_of(warehouse, room):
            exit_code, stdout, stderr = embedded.installation.run_apart("import", "--from", embedded.newer)

        if exit_code:
            assert_one_error(
                (exit_code, stdout, stderr),
                rf"warehouse chdb://{warehouse}: (Code: 243\. .*not enough space.*|No space left on device)",
            )
        else:
            assert room > MIB
            assert embedded.shows_after()
        assert_healthy(embedded)


@needs_mounts
@pytest.mark.parametrize("room", some_of([0, 4096, 32768, MIB + 65536], 1, 3))
def test_a_full_home_is_an_error_that_harms_nothing(embedded: Lab, room: int) -> None:
    embedded.restore()
    home = embedded.installation.home
    with disk_of_its_own(embedded, home):
        with room_of(home, room):
            exit_code, stdout, stderr = embedded.installation.run_apart("import", "--from", embedded.newer)

        if exit_code:
            reason = "(No space left on device|Code: 243\\. .*not enough space.*)"
            assert_one_error((exit_code, stdout, stderr), rf"(warehouse chdb://)?{home}/\S+: {reason}", exit_code)
            assert exit_code in (2, 4)
        else:
            assert room > MIB
            assert embedded.shows_after()
        assert_healthy(embedded)


@needs_mounts
def test_a_lock_file_without_room_is_an_error(embedded: Lab) -> None:
    embedded.restore()
    state = next(embedded.installation.home.rglob("import.lock")).parent
    with disk_of_its_own(embedded, state):
        (state / "import.lock").unlink()
        with room_of(state, 0):
            finished = embedded.installation.run_apart("import", "--from", embedded.newer)

        assert_one_error(finished, rf"lock file {state}/import\.lock: No space left on device")
        assert read_views(embedded) == embedded.before.views
        assert_healthy(embedded)


@needs_mounts
def test_a_warehouse_that_cannot_be_written_is_an_error(embedded: Lab) -> None:
    embedded.restore()
    warehouse = embedded.installation.home / "warehouse"
    with disk_of_its_own(embedded, warehouse):
        subprocess.run(["mount", "-o", "remount,ro", warehouse], check=True)
        finished = embedded.installation.run_apart("import", "--from", embedded.newer)
        subprocess.run(["mount", "-o", "remount,rw", warehouse], check=True)

        what = "cannot be written, which the engine does also to read"
        assert_one_error(finished, f"warehouse chdb://{warehouse}: {what}")
        assert finished[2].splitlines()[1:] == [
            f"hint: make it writable, or copy it and name the copy: cp -r {warehouse} DIR, then --warehouse chdb:///DIR"
        ]
        assert_healthy(embedded)


def test_garbage_in_the_lock_files_is_no_obstacle(embedded: Lab) -> None:
    embedded.restore()
    locks = list(embedded.installation.home.rglob("*.lock"))
    assert sorted(lock.name for lock in locks) == ["import.lock", "warehouse.lock"]
    for lock in locks:
        lock.write_bytes(b"\xff\xfe\x00process -1" * 5000)

    exit_code, _, stderr = embedded.installation.run("import", "--from", embedded.newer)

    assert (exit_code, stderr) == (0, "")
    assert [bool(re.fullmatch(r"process \d+ since [-+:0-9 ]+", lock.read_text())) for lock in locks] == [True, True]
    assert embedded.shows_after()
    assert_healthy(embedded)


def test_the_lock_of_a_killed_import_is_free(embedded: Lab) -> None:
    stepped = stepped_to(embedded, "before insert records")
    stepped.process.kill()
    stepped.end()
    locks = list(embedded.installation.home.rglob("*.lock"))
    assert [lock.read_text().split()[1] for lock in locks] == [str(stepped.process.pid)] * 2

    finished = embedded.installation.run("import", "--from", embedded.newer, CCUSAGE_IMPORT_LOCK_WAIT_SECONDS="0")

    assert finished[0] == 0
    assert "an earlier load ended in the middle; it is now marked as interrupted" in finished[2]
    assert embedded.shows_after()
    assert_healthy(embedded)


def test_the_second_of_two_imports_waits(lab: Lab) -> None:
    first = stepped_to(lab, "before insert records")
    second = lab.installation.start("import", "--from", lab.newer)
    with pytest.raises(subprocess.TimeoutExpired):
        second.wait(timeout=1.5)
    assert read_loads(lab) == [("committed",), ("running",)] if lab.installation.url.startswith("clickhouse") else True

    assert first.finish() == (0, "")
    assert second.communicate(timeout=60)[1] == ""
    assert second.returncode == 0
    assert lab.shows_after()
    assert read_loads(lab) == [("committed",), ("committed",), ("committed",)]
    assert_healthy(lab)


def read_loads(lab: Lab) -> list[tuple[object, ...]]:
    return lab.installation.rows(f"SELECT state FROM loads FINAL WHERE machine = '{MACHINE}' ORDER BY load_id")


def test_the_second_of_two_imports_gives_up_when_it_has_waited_long_enough(lab: Lab) -> None:
    first = stepped_to(lab, "before insert records")

    second = lab.installation.run("import", "--from", lab.newer, CCUSAGE_IMPORT_LOCK_WAIT_SECONDS="0.2")

    assert first.finish() == (0, "")
    assert_one_error(
        second,
        rf"the importer is in use by process {first.process.pid} since [-+:0-9 ]+ \(lock \S+import\.lock\)",
    )
    assert lab.shows_after()
    assert_healthy(lab)


@pytest.mark.exhaustive
def test_queries_and_imports_take_turns(embedded: Lab, tmp_path: Path) -> None:
    embedded.restore()
    finished, is_over = list[tuple[int, str, str]](), threading.Event()

    def ask() -> None:
        while not is_over.is_set():
            finished.append(embedded.installation.run("query", "SELECT count() AS days FROM daily", "--format", "csv"))

    reader = threading.Thread(target=ask)
    reader.start()
    imports = [
        embedded.installation.run("import", "--from", save_generation(tmp_path / str(number), number))
        for number in range(1, 5)
    ]
    is_over.set()
    reader.join()

    assert [(exit_code, stderr) for exit_code, _, stderr in imports] == [(0, "")] * 4
    assert [(exit_code, stderr) for exit_code, _, stderr in finished] == [(0, "")] * len(finished)
    # The days of both machines: 32 of the other, which has generation 2, and 30 to 34.
    answers = [stdout for _, stdout, _ in finished]
    assert set(answers) <= {f'"days"\n{32 + days}\n' for days in range(30, 35)}
    assert answers == sorted(answers)
    assert len(answers) >= 3
    assert embedded.installation.rows(f"SELECT count() FROM daily WHERE machine = '{MACHINE}'") == [(34,)]


def test_load_ids_increase_when_the_clock_was_set_back(lab: Lab) -> None:
    tomorrow = time.time_ns() // 1000 + 24 * 3600 * 1_000_000
    with lab.installation.opened() as warehouse:
        write_load(warehouse, Load(tomorrow, MACHINE, datetime.now(UTC), MACHINE * 4, state="committed"))

    first = lab.installation.load(lab.newer)
    second = lab.installation.load(lab.newer)

    assert (first.load_id, second.load_id) == (tomorrow + 1, tomorrow + 2)
    assert lab.shows_after()
    assert_healthy(lab)


def test_rows_of_a_load_from_the_future_are_still_replaced(lab: Lab, tmp_path: Path) -> None:
    tomorrow = time.time_ns() // 1000 + 24 * 3600 * 1_000_000
    with lab.installation.opened() as warehouse:
        write_load(warehouse, Load(tomorrow, MACHINE, datetime.now(UTC), MACHINE * 4, state="committed"))
    lab.installation.load(lab.newer)

    lab.installation.load(save_generation(tmp_path / "newest", 2))

    days = "SELECT count(), max(input_tokens) FROM daily WHERE machine = 'laptop' AND date <= '2026-03-16'"
    assert lab.installation.rows(days) == [(1, 2_004_000)]
    assert lab.installation.rows(f"SELECT count() FROM daily WHERE machine = '{MACHINE}'") == [(32,)]


def test_a_failed_load_that_cannot_be_kept_does_not_hide_the_error(tmp_path: Path) -> None:
    user = Installation(tmp_path / "home", "clickhouse://default@127.0.0.1:9/ccusage")
    user.prepare()
    saved = save_generation(tmp_path / "saved", 0)
    assert_one_error(
        user.run("import", "--from", saved), r"warehouse clickhouse://default@127\.0\.0\.1:9/ccusage: no answer.*"
    )
    kept = next(user.home.rglob("unrecorded_loads.jsonl"))
    kept.unlink()
    kept.mkdir()

    finished = user.run("import", "--from", saved)

    assert finished[0] == 4, finished[2]
    assert "error: warehouse clickhouse://default@127.0.0.1:9/ccusage: no answer" in finished[2]

"""Forks, and processes that run several commands, answer as the program in an interpreter of its own does."""

from __future__ import annotations

import fcntl
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Place, Program
from tests.support.exhaustive import some_of
from tests.support.forks import can_fork, fork, origin_environ
from tests.support.waiting import is_alive, wait_until
from tests.support.warm import ZONE, Warm

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="programs are forked on Linux alone")
ROOT = Path(__file__).parent.parent.parent
SLOW_CCUSAGE = "#!/bin/sh\ncase $* in *--version*) echo 20.0.24; exit;; esac\necho $$ >> {begun}\nexec sleep 5\n"


@pytest.fixture
def started(program: Program) -> Program:
    """The program in interpreters of its own."""
    return replace(program, prefix=("/usr/bin/env",))


@pytest.mark.one_place
# In UTC a process that has loaded the engine runs it.
@pytest.mark.parametrize("zone", ["Asia/Tokyo", ZONE])
@pytest.mark.parametrize(
    "words",
    some_of(
        [
            "--version",
            "query --help",
            "qurey",
            "query SELEC",
            "query --list --json",
            "config show",
            "history --json",
            "changes --machine nobody",
            "query cost_by_day --format csv",
            "import --from nowhere --verbose",
        ],
        2,
        7,
        8,
    ),
)
@pytest.mark.exhaustive
def test_a_fork_answers_as_a_new_interpreter_does(
    program: Program, started: Program, migrated: Place, words: str, zone: str
) -> None:
    variables = {"CCUSAGE_IMPORT_WAREHOUSE": migrated.url, "TZ": zone, "COLUMNS": "70"}

    forked = program(*words.split(), **variables)

    assert forked == started(*words.split(), **variables)
    assert forked.stdout or forked.stderr


@pytest.mark.exhaustive
def test_a_fork_imports_as_a_new_interpreter_does(
    program: Program, started: Program, corpus: Callable[[str], Path]
) -> None:
    arguments = ("import", "--claude-dir", corpus("september"), "--timezone", "UTC", "--quiet")
    count = ("query", "SELECT verdicts, toString(tokens_after) FROM loads FINAL ORDER BY load_id", "--format", "csv")

    assert program(*arguments) == started(*arguments)

    assert program(*count).stdout == started(*count).stdout
    assert program(*count).stdout.count('"4331528"') == 2


@pytest.mark.parametrize("name", ["PYTHONIOENCODING", "PYTHONPROFILEIMPORTTIME", "LC_ALL", "TERMINAL_WIDTH"])
def test_what_is_read_when_an_interpreter_starts_needs_a_new_one(program: Program, name: str) -> None:
    assert can_fork(program.environ)
    assert not can_fork({**program.environ, name: "1"})


@pytest.mark.parametrize(
    ("number", "left"),
    [(signal.SIGTERM, (130, "", "ccusage-import: interrupted\n")), (signal.SIGKILL, (-signal.SIGKILL, "", ""))],
)
def test_a_fork_is_ended_by_signals(
    program: Program, tmp_path: Path, number: signal.Signals, left: tuple[int, str, str]
) -> None:
    begun, ccusage = tmp_path / "begun", tmp_path / "ccusage"
    (tmp_path / "claude" / "projects").mkdir(parents=True)
    ccusage.write_text(SLOW_CCUSAGE.format(begun=begun))
    ccusage.chmod(0o755)
    words = ["import", "--ccusage", str(ccusage), "--claude-dir", str(tmp_path / "claude")]
    running = fork(words, program.environ, program.home, start_new_session=True)
    wait_until(begun.exists)
    assert running.poll() is None

    running.send_signal(number)

    stdout, stderr = running.communicate(timeout=30)
    assert (running.wait(), stdout, stderr) == left
    wait_until(lambda: not is_alive(running.pid))


@pytest.mark.one_place
def test_descriptors_keep_their_numbers_however_high_they_are(program: Program, migrated: Place) -> None:
    (told, tell), (hear, say) = os.pipe(), os.pipe()
    high = fcntl.fcntl(tell, fcntl.F_DUPFD, 104), fcntl.fcntl(hear, fcntl.F_DUPFD, 103)
    words = [*map(str, high), "query", "SELECT 1 AS one", "--format", "csv", "--warehouse", migrated.url]
    running = fork(words, program.environ, program.home, module="tests.faults.stepped", pass_fds=high)
    for descriptor in (tell, hear, *high):
        os.close(descriptor)

    with os.fdopen(told) as points, os.fdopen(say, "wb", buffering=0) as go_on:
        for point in points:
            assert point.startswith(("before ", "after "))
            go_on.write(b".")

    assert (*running.communicate(timeout=30), running.wait()) == ('"one"\n1\n', "", 0)


@pytest.mark.exhaustive
def test_a_process_that_runs_commands_meets_nothing_of_the_one_before(program: Program, tmp_path: Path) -> None:
    warm = Warm()
    try:
        for number in range(3):
            url = f"chdb://{tmp_path}/{number}"
            environ = {**program.environ, "TZ": ZONE, "CCUSAGE_IMPORT_WAREHOUSE": url, "NO_COLOR": str(number)}
            assert warm.run(["migrate", "--quiet"], environ, program.home, 60) == (0, "", "")
            sql = "SELECT count() AS records FROM records"
            counted = warm.run(["query", sql, "--format", "csv"], environ, program.home, 60)
            assert counted == (0, '"records"\n0\n', "")
            assert len(list(tmp_path.iterdir())) == 2 * number + 3
        assert warm.run(["query", "SELEC"], environ, program.home, 60)[0] == 2
        assert warm.process.poll() is None
    finally:
        warm.end()
    assert not is_alive(warm.process.pid)


@pytest.mark.usefixtures("engine_stays")
def test_an_engine_that_stays_open_lets_others_in(
    program: Program, started: Program, embedded: Callable[[str], Place]
) -> None:
    place, other = embedded("warehouse"), embedded("other")
    queries = "SELECT value FROM system.events WHERE event = 'Query'"
    ((first,),), ((second,),) = place.rows(queries), place.rows(queries)
    assert int(str(second)) > int(str(first))
    command = ("query", "SELECT count() AS loads FROM loads", "--format", "csv", "--warehouse", place.url)

    assert program(*command).stdout == '"loads"\n0\n'
    assert started(*command).stdout == '"loads"\n0\n'
    assert program(*command).stdout == '"loads"\n0\n'
    forked = fork(command, program.environ, program.home)
    assert (forked.wait(60), forked.communicate()[0]) == (0, '"loads"\n0\n')
    assert place.rows("SELECT count() FROM loads") == other.rows("SELECT count() FROM loads") == [(0,)]
    with place.opened() as opened:
        assert list(map(tuple, opened.rows("SELECT count() FROM loads"))) == [(0,)]


def test_a_process_that_is_killed_tells_its_exit_code(program: Program) -> None:
    warm = Warm()
    warm.process.kill()

    assert warm.run(["--version"], program.environ, program.home, 60) == (-signal.SIGKILL, "", "")

    warm.end()


def test_a_bug_is_none_of_the_commands_that_ended_well_before_it(program: Program) -> None:
    warm = Warm()
    try:
        assert warm.run(["config", "path"], program.environ, program.home, 60)[0] == 0
        exit_code, stdout, stderr = warm.run(["config", "path"], program.environ, program.home / "nowhere", 60)
    finally:
        warm.end()

    assert (exit_code, stdout) == (1, "")
    assert "FileNotFoundError: [Errno 2] No such file or directory: " in stderr


FORKING = """
import time
from pathlib import Path
from tests.support.forks import fork, origin_environ, origin_pid
from tests.support.warm import Warm
warm = Warm()
print(warm.run(["--version"], origin_environ(), Path.cwd(), 60)[0], origin_pid(), warm.process.pid, flush=True)
time.sleep(60)
"""


def test_nothing_is_left_of_a_test_run_that_is_killed() -> None:
    command = [sys.executable, "-c", FORKING]
    with subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, **origin_environ()}, stdout=subprocess.PIPE, text=True
    ) as running:
        assert running.stdout is not None
        exit_code, origin, warm = map(int, running.stdout.readline().split())
        assert (exit_code, is_alive(origin), is_alive(warm)) == (0, True, True)

        running.kill()

    wait_until(lambda: not is_alive(origin))
    wait_until(lambda: not is_alive(warm))

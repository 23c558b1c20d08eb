"""ccusage is found, run and stopped: real programs, and scripts where a failure must be forced."""

from __future__ import annotations

import errno
import json
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from ccusage_import.ccusage.fetcher import Fetched, default_jobs, fetch_reports, report_command
from ccusage_import.ccusage.runner import FetchOptions, Runner, find_runner
from ccusage_import.exceptions import (
    CcusageError,
    ConfigurationError,
    DataDirectoryError,
    NativePackageMissingError,
    NodeTooOldError,
    NotAReportError,
    OutOfMemoryError,
    ReportFailedError,
    ReportTimeoutError,
    RunnerNotFoundError,
    UnsupportedVersionError,
)
from ccusage_import.records import ALL_REPORTS, REPORTS
from tests.conftest import Program
from tests.support.ccusage_install import install_bun, install_ccusage, npm_cache
from tests.support.exhaustive import some_of
from tests.support.waiting import is_alive, wait_until

PROJECT = Path(__file__).parent.parent.parent
SYSTEM_PROGRAMS = ("sh", "env", "cat", "sleep", "touch", "rm", "wc")
LINE = (
    '{"timestamp":"%s","sessionId":"s","version":"2.0.14","message":{"id":"%s","model":"claude-sonnet-4-20250514",'
    '"usage":{"input_tokens":%d,"output_tokens":%d,"cache_creation_input_tokens":0,"cache_read_input_tokens":0}},'
    '"requestId":"req_%s","costUSD":0.5}\n'
)
TRANSCRIPTS = {
    "-home-ana-shop/11111111-1111-4111-8111-111111111111.jsonl": [
        ("2026-04-30T09:00:00.000Z", "a", 100, 10),
        ("2026-05-13T09:00:00.000Z", "b", 200, 20),
    ],
    "-home-ana-blog/22222222-2222-4222-8222-222222222222.jsonl": [("2026-05-13T23:30:00.000Z", "c", 4000, 400)],
}


@dataclass
class Machine:
    """A computer with exactly the programs a test gives it."""

    root: Path
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("bin", "home", "data/projects"):
            (self.root / name).mkdir(parents=True)
        self.environ = {
            "PATH": str(self.bin),
            "HOME": str(self.root / "home"),
            "npm_config_cache": str(npm_cache()),
            "BUN_INSTALL_CACHE_DIR": str(npm_cache().parent / "bun"),
        }
        self.link(*SYSTEM_PROGRAMS)
        for name, entries in TRANSCRIPTS.items():
            path = self.data / "projects" / name
            path.parent.mkdir()
            path.write_text("".join(LINE % (when, key, read, wrote, key) for when, key, read, wrote in entries))

    @property
    def bin(self) -> Path:
        return self.root / "bin"

    @property
    def data(self) -> Path:
        return self.root / "data"

    @property
    def options(self) -> FetchOptions:
        return FetchOptions(state_dir=self.root / "state", claude_dirs=(self.data,), timeout_seconds=60)

    def link(self, *names: str) -> None:
        for name in names:
            found = shutil.which(name)
            assert found is not None, name
            (self.bin / name).symlink_to(Path(found).resolve())

    def script(self, name: str, body: str, directory: Path | None = None) -> Path:
        path = (directory or self.bin) / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!{shutil.which('sh')}\n{body}\n")
        path.chmod(0o755)
        return path

    def ccusage(self, body: str, version: str = "20.0.24") -> Runner:
        """Return a ccusage that is this script."""
        path = self.script("fake-ccusage", f'[ "$1" = --version ] && {{ echo "ccusage {version}"; exit 0; }}\n{body}')
        return Runner((str(path),), version, "command")

    def fetch(self, runner: Runner, report: str = "daily", **changed: Any) -> Fetched | CcusageError:
        return fetch_reports(runner, [report], replace(self.options, **changed), self.environ)[report]

    def fetch_with(self, body: str, version: str = "20.0.24", **changed: Any) -> Fetched | CcusageError:
        return self.fetch(self.ccusage(body, version), **changed)

    def count(self, name: str) -> int:
        path = self.root / name
        return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


@pytest.fixture
def node_machine(machine: Machine) -> Machine:
    machine.link("node", "npx")
    return machine


@pytest.fixture
def warnings() -> Iterator[list[dict[str, Any]]]:
    heard: list[dict[str, Any]] = []

    def hear(message: Any) -> None:
        heard.append({"message": message.record["message"], **message.record["extra"]})

    sink = logger.add(hear, level="WARNING")
    yield heard
    logger.remove(sink)


def document(fetched: Fetched | CcusageError) -> Any:
    assert isinstance(fetched, Fetched), fetched
    return json.loads(fetched.output)


def rows(fetched: Fetched | CcusageError) -> dict[str, int]:
    """Return the total tokens of each row of a daily or monthly report."""
    report = document(fetched)
    key, period = ("daily", "date") if "daily" in report else ("monthly", "month")
    return {row[period]: row["totalTokens"] for row in report[key]}


# -- the reports of real versions -------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", ["20.0.24", "18.0.11", "15.5.2"])
def test_the_reports_give_the_tokens_of_the_transcripts(node_machine: Machine, version: str) -> None:
    options = replace(node_machine.options, command=(str(install_ccusage(version)),))
    runner = find_runner(options, node_machine.environ)

    fetched = fetch_reports(runner, ALL_REPORTS, options, node_machine.environ)

    assert list(fetched) == ["daily", "monthly", "session", "blocks", "projects", "hours"]
    assert rows(fetched["daily"]) == {"2026-04-30": 110, "2026-05-13": 4620}
    assert rows(fetched["monthly"]) == {"2026-04": 110, "2026-05": 4620}
    assert document(fetched["session"])["totals"]["totalTokens"] == 4730
    assert document(fetched["session"])["totals"]["totalCost"] == 1.5
    assert sum(block["totalTokens"] for block in document(fetched["blocks"])["blocks"]) == 4730
    hours = [hour for hour in document(fetched["hours"])["blocks"] if not hour["isGap"]]
    assert [(hour["startTime"], hour["endTime"], hour["totalTokens"]) for hour in hours] == [
        ("2026-04-30T09:00:00.000Z", "2026-04-30T10:00:00.000Z", 110),
        ("2026-05-13T09:00:00.000Z", "2026-05-13T10:00:00.000Z", 220),
        ("2026-05-13T23:00:00.000Z", "2026-05-14T00:00:00.000Z", 4400),
    ]
    assert document(fetched["projects"])["totals"]["totalTokens"] == 4730
    assert set(document(fetched["projects"])["projects"]) == {"-home-ana-shop", "-home-ana-blog"}
    assert {result.attempts for result in fetched.values() if isinstance(result, Fetched)} == {1}


@pytest.mark.parametrize("version", ["20.0.24", "18.0.11", "15.5.2"])
def test_days_begin_in_the_time_zone(node_machine: Machine, version: str) -> None:
    node_machine.environ["TZ"] = "America/New_York"
    options = replace(node_machine.options, command=(str(install_ccusage(version)),), timezone="Asia/Tokyo")

    runner = find_runner(options, node_machine.environ)

    daily = fetch_reports(runner, ["daily"], options, node_machine.environ)["daily"]
    assert rows(daily) == {"2026-04-30": 110, "2026-05-13": 220, "2026-05-14": 4400}


@pytest.mark.parametrize("version", ["20.0.24", "18.0.11", "15.5.2"])
def test_nothing_of_the_user_changes_the_answer(
    node_machine: Machine, version: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    hostile = '{"defaults":{"order":"desc","jq":".totals","timezone":"Asia/Tokyo","since":"20270101","noCost":true}}'
    home = Path(node_machine.environ["HOME"])
    here = node_machine.root / "here"
    for directory in (here / ".ccusage", home / ".ccusage", home / ".claude/projects/other", node_machine.data):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "ccusage.json").write_text(hostile)
    decoy = LINE % ("2026-05-13T10:00:00.000Z", "decoy", 7, 7, "decoy")
    (home / ".claude/projects/other/33333333-3333-4333-8333-333333333333.jsonl").write_text(decoy)
    monkeypatch.chdir(here)
    node_machine.environ |= {
        "DEBUG": "*",
        "LOG_LEVEL": "5",
        "CONSOLA_LEVEL": "5",
        "FORCE_COLOR": "1",
        "CLAUDE_CONFIG_DIR": str(home / ".claude"),
        "CCUSAGE_MODEL_ALIASES": '{"claude-sonnet-4-20250514":"other"}',
    }
    options = replace(node_machine.options, command=(str(install_ccusage(version)),))

    daily = fetch_reports(find_runner(options, node_machine.environ), ["daily"], options, node_machine.environ)["daily"]

    assert list(rows(daily).items()) == [("2026-04-30", 110), ("2026-05-13", 4620)]
    assert document(daily)["daily"][0]["totalCost"] == 0.5
    assert document(daily)["daily"][0]["modelsUsed"] == ["claude-sonnet-4-20250514"]


def test_two_data_directories_are_read_as_one(node_machine: Machine) -> None:
    second = node_machine.root / "second/projects/-x"
    second.mkdir(parents=True)
    (second / "44444444-4444-4444-8444-444444444444.jsonl").write_text(
        LINE % ("2026-05-13T10:00:00.000Z", "d", 5, 5, "d")
    )
    options = replace(
        node_machine.options,
        command=(str(install_ccusage("20.0.24")),),
        claude_dirs=(node_machine.data, second.parent.parent),
    )
    runner = find_runner(options, node_machine.environ)
    daily = fetch_reports(runner, ["daily"], options, node_machine.environ)["daily"]
    assert rows(daily) == {"2026-04-30": 110, "2026-05-13": 4630}


def test_an_empty_data_directory_is_a_report(node_machine: Machine) -> None:
    empty = node_machine.root / "empty"
    (empty / "projects").mkdir(parents=True)
    options = replace(node_machine.options, command=(str(install_ccusage("18.0.11")),), claude_dirs=(empty,))
    runner = find_runner(options, node_machine.environ)
    assert document(fetch_reports(runner, ["daily"], options, node_machine.environ)["daily"]) == []


# -- command lines ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("version", "report", "online", "expected"),
    [
        (
            "20.0.24",
            "projects",
            "offline",
            "c claude daily --instances --json --offline --order asc --mode auto --timezone UTC",
        ),
        ("19.0.3", "session", "offline", "c claude session --json --offline --order asc --mode auto --timezone UTC"),
        ("20.0.24", "codex daily", "offline", "c codex daily --json --offline --order asc --mode auto --timezone UTC"),
        ("19.0.3", "pi session", "online", "c pi session --json --order asc --mode auto --timezone UTC"),
        ("18.0.11", "blocks", "online", "c blocks --json --order asc --mode auto --timezone UTC"),
        ("15.7.0", "monthly", "offline", "c monthly --json --offline --order asc --mode auto --timezone UTC"),
        ("15.6.9", "monthly", "offline", "c monthly --json --offline --order asc --mode auto"),
    ],
)
def test_command_line_of_each_major(machine: Machine, version: str, report: str, online: str, expected: str) -> None:
    options = replace(machine.options, online_prices=online == "online")
    *command, option, settings = report_command(Runner(("c",), version, "command"), report, options)
    assert " ".join(command) == expected
    assert option == "--config"
    assert Path(settings).read_text() == "{}"


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("20.0.24", {"TZ": "UTC", "HOME": "home", "XDG_CONFIG_HOME": "<unset>"}),
        ("15.7.0", {"TZ": "UTC", "HOME": "home", "XDG_CONFIG_HOME": "<unset>"}),
        ("15.6.0", {"TZ": "Asia/Tokyo", "HOME": "home", "XDG_CONFIG_HOME": "<unset>"}),
        ("15.5.2", {"TZ": "Asia/Tokyo", "HOME": "state/neutral/empty", "XDG_CONFIG_HOME": "state/neutral/empty"}),
    ],
)
def test_environment_of_each_major(machine: Machine, version: str, expected: dict[str, str]) -> None:
    machine.environ |= {"DEBUG": "1", "KEPT": "yes"}
    show = " ".join(
        f'\\"{n}\\":\\"${{{n}-<unset>}}\\",' for n in ("TZ", "HOME", "XDG_CONFIG_HOME", "DEBUG", "LOG_LEVEL")
    )
    fetched = machine.fetch_with(f'echo "{{{show} \\"KEPT\\":\\"$KEPT\\"}}"', version, timezone="Asia/Tokyo")
    shown = {name: value.replace(f"{machine.root}/", "") for name, value in document(fetched).items()}
    assert shown == expected | {"DEBUG": "<unset>", "LOG_LEVEL": "0", "KEPT": "yes"}


def test_standard_input_is_closed(machine: Machine) -> None:
    reading, writing = os.pipe()
    saved = os.dup(0)
    os.dup2(reading, 0)
    try:
        fetched = machine.fetch_with("cat; echo '{}'", timeout_seconds=5)
    finally:
        os.dup2(saved, 0)
        for descriptor in (reading, writing, saved):
            os.close(descriptor)
    assert document(fetched) == {}


def test_the_working_directory_is_neutral(machine: Machine) -> None:
    assert document(machine.fetch_with('echo "[\\"$(pwd)\\"]"')) == [str(machine.root / "state/neutral")]


@pytest.mark.parametrize(
    ("major", "cores", "jobs"), [(20, 1, 2), (20, 4, 4), (19, 64, 5), (18, 1, 1), (18, 2, 1), (15, 8, 4)]
)
def test_jobs_by_major_and_cores(major: int, cores: int, jobs: int) -> None:
    assert default_jobs(major, cores) == jobs


# -- running ----------------------------------------------------------------------------------------------------------


def test_one_failure_does_not_stop_the_others_and_progress_hears_of_all(machine: Machine) -> None:
    heard: list[str] = []

    class Progress:
        def started(self, report: str) -> None:
            heard.append(f"{report} started")

        def finished(self, report: str, seconds: float) -> None:
            heard.append(f"{report} finished {seconds < 60}")

        def failed(self, report: str, error: CcusageError) -> None:
            heard.append(f"{report} failed {error}")

    runner = machine.ccusage('[ "$2" = session ] && { echo "Unknown option --x" >&2; exit 2; }; echo "{}"')
    options = replace(machine.options, jobs=1)

    fetched = fetch_reports(runner, ["daily", "session", "blocks"], options, machine.environ, Progress())

    assert [type(result) for result in fetched.values()] == [Fetched, ReportFailedError, Fetched]
    assert heard == [
        "daily started",
        "daily finished True",
        "session started",
        "session failed the session report failed: Unknown option --x",
        "blocks started",
        "blocks finished True",
    ]


@pytest.mark.parametrize("jobs", some_of([1, 2, 5], 1))
def test_no_more_reports_run_at_once_than_allowed(machine: Machine, jobs: int) -> None:
    running = machine.root / "running"
    running.mkdir()
    body = (
        f'touch {running}/$$; n=0; for f in {running}/*; do n=$((n+1)); done; sleep 0.5; rm {running}/$$; echo "[$n]"'
    )
    options = replace(machine.options, jobs=jobs)
    fetched = fetch_reports(machine.ccusage(body), REPORTS, options, machine.environ)
    assert max(document(result)[0] for result in fetched.values()) == jobs


def test_megabytes_on_both_pipes_do_not_block(machine: Machine) -> None:
    write = "import sys; sys.stderr.write('x' * 4_000_000); print('[' + '1,' * 1_000_000 + '1]')"
    fetched = machine.fetch_with(f'"{sys.executable}" -c "{write}"')
    assert isinstance(fetched, Fetched)
    assert len(fetched.output) == 2_000_004


@pytest.mark.parametrize("passing", ["exit 1", "exit 7", "kill -SEGV $$", "kill -TERM $$"])
def test_a_passing_failure_is_tried_again(machine: Machine, passing: str, warnings: list[dict[str, Any]]) -> None:
    calls = machine.root / "calls"
    fetched = machine.fetch_with(f"echo x >> {calls}; [ $(wc -l < {calls}) -lt 3 ] && {passing}; echo '{{}}'")
    assert isinstance(fetched, Fetched)
    assert fetched.attempts == 3
    assert 0.6 <= fetched.seconds <= 10
    assert warnings == [
        {"message": "A report failed for a transient reason, trying again", "report": "daily", "attempt": attempt}
        for attempt in (1, 2)
    ]


def test_attempts_end(machine: Machine) -> None:
    error = machine.fetch_with(f"echo x >> {machine.root}/calls; echo disk on fire >&2; exit 7", attempts=2)
    assert machine.count("calls") == 2
    assert isinstance(error, ReportFailedError)
    assert str(error) == "the daily report failed with exit code 7: disk on fire"


def test_a_signal_is_named(machine: Machine) -> None:
    error = machine.fetch_with("echo bad >&2; kill -SEGV $$", attempts=1)
    assert str(error) == "the daily report was ended by SIGSEGV: bad"


def test_a_program_that_vanished_is_not_tried_again(machine: Machine) -> None:
    error = machine.fetch(Runner((str(machine.root / "gone"),), "20.0.24", "PATH"))
    assert isinstance(error, ReportFailedError)
    assert str(error) == f"the daily report could not be started: {os.strerror(errno.ENOENT)}"


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux refuses to start it")
def test_a_program_that_is_being_written_is_tried_again(machine: Machine, warnings: list[dict[str, Any]]) -> None:
    program = machine.root / "native"
    shutil.copy(Path(shutil.which("true") or "").resolve(), program)
    with program.open("r+b"):
        error = machine.fetch(Runner((str(program),), "20.0.24", "PATH"), attempts=2)
    assert str(error) == f"the daily report could not be started: {os.strerror(errno.ETXTBSY)}"
    assert len(warnings) == 1


# -- what goes wrong --------------------------------------------------------------------------------------------------

CRASH_18 = """file:///x/dist/data-loader.js:5351
        throw new Error(`No valid Claude data directories found in CLAUDE_CONFIG_DIR. Please ensure:
              ^

Error: No valid Claude data directories found in CLAUDE_CONFIG_DIR. Please ensure the following exists:
- /x/projects
    at getClaudePaths (file:///x/dist/data-loader.js:5351:9)

Node.js v20.20.2"""
OLD_NODE = """node:internal/errors:478
    ErrorCaptureStackTrace(err);
    ^

Error [ERR_UNKNOWN_BUILTIN_MODULE]: No such built-in module: node:readline/promises
    at new NodeError (node:internal/errors:387:5) {
  code: 'ERR_UNKNOWN_BUILTIN_MODULE'
}"""
HEAP = (
    "FATAL ERROR: Reached heap limit Allocation failed - JavaScript heap out of memory\n----- Native stack trace -----"
)


@pytest.mark.parametrize(
    ("words", "ending", "error", "message"),
    [
        (CRASH_18, "exit 1", DataDirectoryError, "no directory `projects` in {data}"),
        (OLD_NODE, "exit 1", NodeTooOldError, "No such built-in module: node:readline/promises"),
        ("x.js:1\nSyntaxError: Unexpected token '?'", "exit 1", NodeTooOldError, "SyntaxError: Unexpected token '?'"),
        (
            "ReferenceError: File is not defined\n\nNode.js v18.2.0",
            "exit 1",
            NodeTooOldError,
            "ReferenceError: File is not defined",
        ),
        (
            "ccusage requires Bun or Node.js >=22.0.0. Current Node.js: v20.20.2",
            "exit 1",
            NodeTooOldError,
            "ccusage requires Bun or Node.js >=22.0.0. Current Node.js: v20.20.2",
        ),
        (
            "ccusage native binary is not executable: EPERM: operation not permitted, chmod",
            "exit 1",
            NativePackageMissingError,
            "ccusage native binary is not executable: EPERM: operation not permitted, chmod",
        ),
        (HEAP, "kill -ABRT $$", OutOfMemoryError, "JavaScript heap out of memory"),
        (HEAP, "exit 134", OutOfMemoryError, "JavaScript heap out of memory"),
        (
            "memory allocation of 99 bytes failed",
            "kill -ABRT $$",
            OutOfMemoryError,
            "memory allocation of 99 bytes failed",
        ),
        ("RangeError: invalid time zone: A/B", "exit 1", ReportFailedError, "invalid time zone: A/B"),
        (
            "env: 'node': No such file or directory",
            "exit 127",
            RunnerNotFoundError,
            "env: 'node': No such file or directory",
        ),
        ("Unknown option '--x'\nRun --help", "exit 2", ReportFailedError, "Unknown option '--x'"),
    ],
)
def test_a_known_cause_is_named_and_not_tried_again(
    machine: Machine, words: str, ending: str, error: type[CcusageError], message: str
) -> None:
    (machine.root / "words").write_text(words)
    failed = machine.fetch_with(f"echo x >> {machine.root}/calls; cat {machine.root}/words >&2; {ending}")
    assert type(failed) is error
    assert str(failed) == "the daily report failed: " + message.format(data=machine.data)
    assert failed.hint
    assert machine.count("calls") == 1


@pytest.mark.parametrize("ending", ["kill -KILL $$", "exit 137"])
def test_killed_for_memory_is_not_tried_again(machine: Machine, ending: str) -> None:
    failed = machine.fetch_with(f"echo x >> {machine.root}/calls; {ending}")
    assert isinstance(failed, OutOfMemoryError)
    assert str(failed) == "the daily report was killed, most likely because memory ran out"
    assert machine.count("calls") == 1


def test_a_type_error_on_a_new_node_is_not_blamed_on_node(machine: Machine) -> None:
    failed = machine.fetch_with(
        "printf 'TypeError: x is not a function\\n\\nNode.js v22.1.0\\n' >&2; exit 1", attempts=1
    )
    assert type(failed) is ReportFailedError
    assert str(failed) == "the daily report failed with exit code 1: TypeError: x is not a function"


@pytest.mark.parametrize("version", ["20.0.24", "18.0.11", "15.5.2"])
def test_data_directory_that_is_missing(node_machine: Machine, version: str) -> None:
    missing = Path(node_machine.environ["HOME"]) / "nowhere"
    options = replace(node_machine.options, command=(str(install_ccusage(version)),), claude_dirs=(missing,))
    runner = find_runner(options, node_machine.environ)
    assert runner.version == version
    fetched = fetch_reports(runner, REPORTS, options, node_machine.environ)
    assert {type(error) for error in fetched.values()} == {DataDirectoryError}
    assert str(fetched["blocks"]) == "the blocks report failed: no directory `projects` in ~/nowhere"


def test_data_directory_that_is_missing_for_19_under_bun(node_machine: Machine) -> None:
    node_machine.environ["PATH"] += f":{install_bun()}"
    missing = node_machine.root / "nowhere"
    options = replace(node_machine.options, command=(str(install_ccusage("19.0.3")),), claude_dirs=(missing,))
    error = fetch_reports(find_runner(options, node_machine.environ), ["daily"], options, node_machine.environ)["daily"]
    assert isinstance(error, DataDirectoryError)
    assert str(error) == f"the daily report failed: no directory `projects` in {missing}"


def test_data_directory_with_a_comma(machine: Machine) -> None:
    error = machine.fetch_with("echo '{}'", claude_dirs=(machine.root / "a,b",))
    assert isinstance(error, DataDirectoryError)
    assert str(error) == "a Claude data directory with a comma in its name cannot be passed to ccusage"


def test_unknown_time_zone_of_ccusage_20(node_machine: Machine) -> None:
    options = replace(node_machine.options, command=(str(install_ccusage("20.0.24")),), timezone="Foo/Bar")
    error = fetch_reports(find_runner(options, node_machine.environ), ["daily"], options, node_machine.environ)["daily"]
    assert isinstance(error, ReportFailedError)
    assert str(error).startswith("the daily report failed: Invalid value for --timezone 'Foo/Bar'.")
    assert error.hint == "set `timezone` to a name such as Europe/Berlin"


@pytest.mark.exhaustive
def test_heap_of_node_that_is_too_small(node_machine: Machine) -> None:
    lines = (LINE % ("2026-05-13T09:00:00.000Z", f"m{n}", 1, 1, f"m{n}") for n in range(60_000))
    (node_machine.data / "projects/-home-ana-blog/big.jsonl").write_text("".join(lines))
    node_machine.environ["NODE_OPTIONS"] = "--max-old-space-size=24"
    error = node_machine.fetch(Runner((str(install_ccusage("18.0.11")),), "18.0.11", "PATH"))
    assert isinstance(error, OutOfMemoryError)
    assert str(error) == "the daily report failed: JavaScript heap out of memory"


@pytest.mark.parametrize(
    ("output", "message"),
    [
        ("", "printed nothing"),
        ("\\n \\n", "printed nothing"),
        ("null\\n", "printed 'null'"),
        ("42\\n", "printed '42'"),
        ("2026 is the year\\n", "printed '2026 is the year'"),
        ("Date must be in YYYYMMDD format\\n", "printed 'Date must be in YYYYMMDD format'"),
        ("y" * 90, "printed '" + "y" * 60 + "'"),
        ('{"daily":[]}\\n{"daily":[]}\\n', "printed more than one document"),
        ("[][]", "printed more than one document"),
        ('{"daily":[', "printed a document that is cut off or broken"),
        ('{"daily":' + "[" * 100_000, "printed a document that is nested too deeply"),
    ],
)
def test_output_that_is_no_report(machine: Machine, output: str, message: str) -> None:
    failed = machine.fetch_with(f"echo x >> {machine.root}/calls; printf '{output}'")
    assert isinstance(failed, NotAReportError)
    assert str(failed) == f"the daily report is not JSON: ccusage {message}"
    assert failed.hint
    assert machine.count("calls") == 1


HUNDRED_MEGABYTES = f"{shutil.which('head')} -c 100000000 /dev/zero | {shutil.which('tr')} '\\0' x"


def most_memory_bytes() -> int:
    """Return what this process held at most so far."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def test_a_report_that_is_too_large_is_read_to_its_end_and_not_kept(machine: Machine) -> None:
    before = most_memory_bytes()

    failed = machine.fetch_with(f"{HUNDRED_MEGABYTES}; echo x >> {machine.root}/ends", most_bytes=1_000_000)

    assert isinstance(failed, NotAReportError)
    assert str(failed) == "the daily report is larger than 1,000,000 bytes"
    assert failed.hint == "leave it out: name each of the others with --report NAME"
    assert machine.count("ends") == 1
    assert most_memory_bytes() - before < 50_000_000


def test_a_report_of_the_largest_size_is_read(machine: Machine) -> None:
    fetched = machine.fetch_with("""printf '{"daily":[]}'""", most_bytes=12)
    assert isinstance(fetched, Fetched)
    assert fetched.output == b'{"daily":[]}'


def test_of_what_a_failed_report_complains_the_end_is_kept(machine: Machine) -> None:
    before = most_memory_bytes()

    failed = machine.fetch_with(f"{{ {HUNDRED_MEGABYTES}; echo; echo the end; }} >&2; exit 1", attempts=1)

    assert str(failed).endswith(" | the end")
    assert len(str(failed)) < 1200
    assert most_memory_bytes() - before < 50_000_000


def test_of_a_version_the_beginning_is_kept(machine: Machine) -> None:
    machine.script("ccusage", f"echo ccusage 20.0.24; {HUNDRED_MEGABYTES}; {HUNDRED_MEGABYTES} >&2")
    before = most_memory_bytes()

    assert find_runner(machine.options, machine.environ).version == "20.0.24"

    assert most_memory_bytes() - before < 50_000_000


def test_rejected_option_of_ccusage_18_is_no_report(node_machine: Machine) -> None:
    failed = node_machine.fetch(Runner((str(install_ccusage("18.0.11")),), "18.0.11", "PATH"), mode="x")
    assert isinstance(failed, NotAReportError)
    assert "ccusage printed 'Optional argument '--mode' or '-m' should be chosen from" in str(failed).replace('"', "'")


def test_words_of_ccusage_are_cut_and_masked(machine: Machine) -> None:
    home = machine.environ["HOME"]
    (machine.root / "words").write_text(
        f"first line\n1 | var minified={'x' * 5000}\n"
        + "".join(f"line {n}\n" for n in range(6))
        + "\x1b[31mred\x1b[0m\n"
        + f"cannot read {home}/.claude/x and {home}2\n"
        + "from https://ana:s3cr3t@example.com/x\n"
        + "from ana:s3cr3t@example.com api_key=s3cr3t Bearer s3cr3t\n"
        + "    at frame (file.js:1:2)\n\nNode.js v22.0.0\n"
    )
    failed = machine.fetch_with(f"cat {machine.root}/words >&2; exit 1", attempts=1)
    assert str(failed) == (
        "the daily report failed with exit code 1: line 0 | line 1 | line 2 | line 3 | line 4 | line 5 | red"
        f" | cannot read ~/.claude/x and {home}2 | from https://***@example.com/x"
        " | from ***@example.com api_key=*** Bearer ***"
    )


def test_a_long_line_is_cut(machine: Machine) -> None:
    started = time.monotonic()
    failed = machine.fetch_with(f'"{sys.executable}" -c "print(\'z\' * 3_000_000)" >&2; exit 1', attempts=1)
    assert time.monotonic() - started < 5
    assert str(failed) == "the daily report failed with exit code 1: " + "z" * 400


# -- nothing outlives a run -------------------------------------------------------------------------------------------


def family(machine: Machine) -> str:
    """Return a program with a child that holds the pipes and one that ignores SIGTERM; both tell who they are."""
    known = machine.root / "pids"
    loop = "n=0; while [ $n -lt 60 ]; do n=$((n + 1)); sleep 1 || exit; done"  # ends some day whatever a test does
    stubborn = machine.script("stubborn", f"trap '' TERM; echo $$ >> {known}; {loop}")
    return f"sleep 60 & echo $! >> {known}; {stubborn} & wait"


def pids(machine: Machine) -> list[int]:
    path = machine.root / "pids"
    return [int(pid) for pid in path.read_text().split()] if path.exists() else []


def test_a_timeout_ends_the_whole_family_and_is_not_tried_again(machine: Machine) -> None:
    started = time.monotonic()
    failed = machine.fetch_with(family(machine), timeout_seconds=1)
    assert isinstance(failed, ReportTimeoutError)
    assert str(failed) == "the daily report took longer than 1 seconds"
    assert failed.hint == "set a higher `timeout_seconds`"
    assert time.monotonic() - started < 8
    assert len(pids(machine)) == 2
    wait_until(lambda: not any(map(is_alive, pids(machine))))


def test_a_timeout_ends_grandchildren_whose_parent_is_gone(machine: Machine) -> None:
    failed = machine.fetch_with(f"sleep 60 & echo $! >> {machine.root}/pids; echo '{{}}'; exit 0", timeout_seconds=1)
    assert isinstance(failed, ReportTimeoutError)
    assert len(pids(machine)) == 1
    wait_until(lambda: not any(map(is_alive, pids(machine))))


@pytest.mark.parametrize("starter", ["", "setsid "])
def test_a_grandchild_that_holds_the_pipe_costs_seconds_and_not_the_report(machine: Machine, starter: str) -> None:
    started = time.monotonic()
    fetched = machine.fetch_with(f"{starter}sleep 20 & echo $! >> {machine.root}/pids; echo '{{}}'; exit 0")

    assert isinstance(fetched, Fetched)
    assert fetched.output == b"{}\n"
    assert time.monotonic() - started < 15
    # What makes a session of its own wants to stay, as a daemon does.
    if not starter:
        wait_until(lambda: not any(map(is_alive, pids(machine))))


def test_a_program_may_end_itself_within_the_grace(machine: Machine) -> None:
    machine.fetch_with(
        f"trap 'sleep 0.3; echo tidy > {machine.root}/tidy; exit' TERM; sleep 60 & wait", timeout_seconds=1
    )
    assert (machine.root / "tidy").read_text() == "tidy\n"


def test_a_full_pipe_does_not_keep_a_program_from_ending(machine: Machine) -> None:
    (machine.root / "program.py").write_text(
        "import signal, sys, time\n"
        "def end(*_):\n"
        "    sys.stdout.write('x' * 2_000_000); sys.stdout.flush()\n"
        f"    open({str(machine.root / 'tidy')!r}, 'w').close(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end)\n"
        "time.sleep(60)\n"
    )
    machine.fetch_with(f'exec "{sys.executable}" {machine.root}/program.py', timeout_seconds=1)
    assert (machine.root / "tidy").exists()


INTERRUPTED = """
import signal, sys
from pathlib import Path
from ccusage_import.ccusage.fetcher import fetch_reports
from ccusage_import.records import REPORTS
from ccusage_import.ccusage.runner import FetchOptions, Runner

def stop(number, frame):
    raise SystemExit(143)

signal.signal(signal.SIGTERM, stop)
program, state = sys.argv[1:]
options = FetchOptions(state_dir=Path(state), jobs=5)
fetch_reports(Runner((program,), "20.0.24", "PATH"), REPORTS, options, {"PATH": %r})
"""


@pytest.mark.parametrize(
    ("signals", "exit_code"),
    some_of(
        [
            ([signal.SIGINT], -signal.SIGINT),
            ([signal.SIGINT, signal.SIGINT], -signal.SIGINT),
            ([signal.SIGTERM], 143),
            ([signal.SIGKILL], -signal.SIGKILL),
        ],
        1,
        3,
    ),
)
def test_an_interrupt_leaves_no_process(machine: Machine, signals: list[signal.Signals], exit_code: int) -> None:
    runner = machine.ccusage(family(machine))
    script = INTERRUPTED % machine.environ["PATH"]
    child = subprocess.Popen(
        [sys.executable, "-c", script, runner.argv[0], machine.root / "state"],
        cwd=PROJECT,
        stderr=subprocess.DEVNULL,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
    )
    try:
        wait_until(lambda: len(pids(machine)) == 10)
        # A program may say so before its guard, which outlives SIGKILL, has heard of it.
        time.sleep(0.5)
        for number in signals:
            child.send_signal(number)
            time.sleep(0.05)
        assert child.wait(timeout=15) == exit_code
        wait_until(lambda: not any(map(is_alive, pids(machine))))
    finally:
        child.kill()
        child.wait()


# -- finding ccusage --------------------------------------------------------------------------------------------------


def unsupported(machine: Machine, name: str = "ccusage") -> Path:
    return machine.script(name, "echo 14.1.2")


def fake_installer(machine: Machine, name: str, version: str = "20.0.24") -> None:
    """Give the machine an npx or bunx that prints the path of a ccusage of its own."""
    program = machine.script("ccusage", f"echo ccusage {version}", machine.root / f"{name}-cache")
    machine.script(name, f'echo "$@" >> {machine.root}/{name}-calls; echo some noise; echo {program}')


def test_a_command_comes_first(machine: Machine) -> None:
    machine.script("ccusage", "echo ccusage 20.0.1")
    command = machine.script("mine", "echo 18.0.11", machine.root / "opt")
    runner = find_runner(replace(machine.options, command=(str(command),)), machine.environ)
    assert runner == Runner((str(command),), "18.0.11", "command")
    assert (runner.major, runner.version_info) == (18, (18, 0, 11))


def test_a_command_of_two_words(node_machine: Machine) -> None:
    launcher = install_ccusage("18.0.11").resolve()
    runner = find_runner(replace(node_machine.options, command=("node", str(launcher))), node_machine.environ)
    assert runner == Runner((str(node_machine.bin / "node"), str(launcher)), "18.0.11", "command")


def test_path_comes_before_bunx_and_npx(machine: Machine) -> None:
    program = machine.script("ccusage", "echo ccusage 20.0.1")
    fake_installer(machine, "bunx")
    fake_installer(machine, "npx")
    assert find_runner(machine.options, machine.environ) == Runner((str(program),), "20.0.1", "PATH")
    assert (machine.count("bunx-calls"), machine.count("npx-calls")) == (0, 0)


def test_bunx_comes_before_npx(machine: Machine) -> None:
    fake_installer(machine, "bunx")
    fake_installer(machine, "npx")
    runner = find_runner(replace(machine.options, version="20.0.24"), machine.environ)
    assert runner == Runner((str(machine.root / "bunx-cache/ccusage"),), "20.0.24", "bunx")
    calls = (machine.root / "bunx-calls").read_text()
    assert calls == "-p ccusage@20.0.24 sh -c command -v ccusage\n"
    assert machine.count("npx-calls") == 0


def test_an_unsupported_version_on_path_is_passed_over(machine: Machine, warnings: list[dict[str, Any]]) -> None:
    unsupported(machine)
    fake_installer(machine, "npx")
    assert find_runner(machine.options, machine.environ).source == "npx"
    assert warnings == [
        {
            "message": "passing over a ccusage that cannot be used",
            "source": "PATH",
            "reason": "ccusage (PATH) is version 14.1.2, 15.5.0 or newer is needed",
        }
    ]


def test_a_broken_bunx_is_passed_over(machine: Machine, warnings: list[dict[str, Any]]) -> None:
    machine.script("bunx", "echo 'error: unknown option -p' >&2; exit 1")
    fake_installer(machine, "npx")
    assert find_runner(machine.options, machine.environ).source == "npx"
    assert [warning["reason"] for warning in warnings] == [
        "bunx could not install ccusage 20.0.24: error: unknown option -p"
    ]


def test_an_unsupported_version_and_nothing_else(machine: Machine) -> None:
    unsupported(machine)
    with pytest.raises(UnsupportedVersionError) as caught:
        find_runner(machine.options, machine.environ)
    assert str(caught.value) == "ccusage (PATH) is version 14.1.2, 15.5.0 or newer is needed"
    assert "npm install -g ccusage@20.0.24" in caught.value.hint


def test_an_unsupported_command_is_an_error_at_once(machine: Machine) -> None:
    fake_installer(machine, "npx")
    command = str(unsupported(machine, "mine"))
    with pytest.raises(UnsupportedVersionError, match=r"^ccusage \(command\) is version 14\.1\.2, 15\.5\.0 or newer"):
        find_runner(replace(machine.options, command=(command,)), machine.environ)
    assert machine.count("npx-calls") == 0


def test_a_command_that_tells_no_version(machine: Machine) -> None:
    command = str(machine.script("mine", "echo hello"))
    with pytest.raises(UnsupportedVersionError) as caught:
        find_runner(replace(machine.options, command=(command,)), machine.environ)
    assert str(caught.value) == "ccusage (command) does not say its version, 15.5.0 or newer is needed"
    assert caught.value.hint == "correct `ccusage`, or unset it"


def test_a_command_that_does_not_exist(machine: Machine) -> None:
    with pytest.raises(RunnerNotFoundError) as caught:
        find_runner(replace(machine.options, command=("/opt/none/ccusage",)), machine.environ)
    assert str(caught.value) == "/opt/none/ccusage is not a program that can be run"
    assert caught.value.hint == "correct `ccusage`, or unset it"


def test_nothing_to_run_ccusage_with(machine: Machine) -> None:
    with pytest.raises(RunnerNotFoundError) as caught:
        find_runner(machine.options, machine.environ)
    assert str(caught.value) == "neither ccusage nor bunx nor npx is on PATH"
    assert caught.value.hint == 'install Node.js 20 or newer, or set `ccusage = "/path/to/ccusage"`'


def test_no_path_at_all(machine: Machine) -> None:
    del machine.environ["PATH"]
    with pytest.raises(RunnerNotFoundError, match="neither ccusage nor bunx nor npx is on PATH"):
        find_runner(machine.options, machine.environ)


def test_a_command_without_node_on_path(machine: Machine) -> None:
    options = replace(machine.options, command=(str(install_ccusage("18.0.11")),))
    with pytest.raises(RunnerNotFoundError) as caught:
        find_runner(options, machine.environ)
    assert "node" in str(caught.value)
    assert caught.value.hint.startswith("install Node.js 20 or newer")


def test_node_beside_the_command_is_found_without_path(machine: Machine) -> None:
    beside = machine.root / "versions/bin"
    beside.mkdir(parents=True)
    (beside / "node").symlink_to(Path(shutil.which("node") or "").resolve())
    (beside / "ccusage").symlink_to(install_ccusage("18.0.11").resolve())
    options = replace(machine.options, command=(str(beside / "ccusage"),))
    assert find_runner(options, machine.environ).version == "18.0.11"


def test_ccusage_19_needs_a_newer_node(node_machine: Machine) -> None:
    # Real words of the real program where node is too old for it; a newer one simply runs it.
    options = replace(node_machine.options, command=(str(install_ccusage("19.0.3")),))
    version = subprocess.run(["node", "--version"], capture_output=True, text=True, check=True).stdout.strip()
    if int(version[1:].split(".")[0]) >= 22:
        assert find_runner(options, node_machine.environ).version == "19.0.3"
        return
    with pytest.raises(NodeTooOldError) as caught:
        find_runner(options, node_machine.environ)
    needed = "ccusage requires Bun or Node.js >=22.0.0. Current Node.js:"
    assert str(caught.value) == f"`ccusage --version` failed: {needed} {version}"
    assert caught.value.hint.startswith("install Node.js 22 or newer")


def test_the_native_package_is_missing(node_machine: Machine) -> None:
    # npm ends well when it cannot install an optional dependency; this is what is left then.
    package = node_machine.root / "node_modules/ccusage"
    shutil.copytree(install_ccusage("20.0.26").resolve().parent.parent, package)
    options = replace(node_machine.options, command=("node", str(package / "src/cli.js")))
    with pytest.raises(NativePackageMissingError) as caught:
        find_runner(options, node_machine.environ)
    assert str(caught.value).startswith("`ccusage --version` failed: ccusage native binary is not available for ")
    # No other version takes the place of a command that is configured.
    assert caught.value.hint == "correct `ccusage`, or unset it"


# -- the native program of ccusage 20 ---------------------------------------------------------------------------------


def test_the_launcher_of_ccusage_20_gives_way_to_its_native_program(node_machine: Machine) -> None:
    options = replace(node_machine.options, command=(str(install_ccusage("20.0.24")),))
    runner = find_runner(options, node_machine.environ)
    [program] = runner.argv
    assert Path(program).parts[-2:] == ("bin", "ccusage")
    assert Path(program).parent.parent.name.startswith("ccusage-")
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=True)
    assert said.stdout == "ccusage 20.0.24\n"


def test_a_native_program_in_the_package_itself_is_found(node_machine: Machine) -> None:
    modules = install_ccusage("20.0.24").resolve().parents[2]
    package = node_machine.root / "lib/node_modules/ccusage"
    shutil.copytree(modules / "ccusage", package)
    shutil.copytree(modules / "@ccusage", package / "node_modules/@ccusage")
    for program in package.glob("node_modules/@ccusage/*/bin/ccusage"):
        program.chmod(0o644)
    options = replace(node_machine.options, command=(str(package / "src/cli.js"),))
    runner = find_runner(options, node_machine.environ)
    assert runner.argv[0].startswith(str(package / "node_modules/@ccusage/ccusage-"))


@pytest.mark.parametrize(
    ("program", "mode"),
    [("#!/bin/sh\necho ccusage 20.0.23\n", 0o755), ("#!/bin/sh\nexit 1\n", 0o755), ("\x7fELF?", 0o755), ("", 0o644)],
)
def test_a_native_program_that_does_not_fit_is_left_alone(machine: Machine, program: str, mode: int) -> None:
    modules = machine.root / "node_modules"
    launcher = machine.script("cli.js", "echo ccusage 20.0.24", modules / "ccusage/src")
    (modules / "ccusage/package.json").write_text('{"name":"ccusage","version":"20.0.24"}')
    native = modules / "@ccusage/ccusage-linux-x64/bin/ccusage"
    native.parent.mkdir(parents=True)
    native.write_text(program)
    native.chmod(mode)
    options = replace(machine.options, command=(str(launcher),))
    assert find_runner(options, machine.environ).argv == (str(launcher),)


# -- bunx and npx -----------------------------------------------------------------------------------------------------


def counting(machine: Machine, name: str, real: Path) -> None:
    machine.script(name, f'echo x >> {machine.root}/{name}-calls\nexec "{real}" "$@"')


def test_npx_is_asked_once(machine: Machine) -> None:
    machine.link("node")
    counting(machine, "npx", Path(shutil.which("npx") or ""))

    first = find_runner(machine.options, machine.environ)
    second = find_runner(machine.options, machine.environ)

    assert (first.source, first.version) == ("npx", "20.0.24")
    assert second == first
    assert machine.count("npx-calls") == 1
    assert json.loads((machine.root / "state/runner.json").read_text()) == {"npx 20.0.24": list(first.argv)}
    assert rows(machine.fetch(first)) == {"2026-04-30": 110, "2026-05-13": 4620}


def test_bunx_installs_too(machine: Machine) -> None:
    machine.link("node")
    for name in ("bun", "bunx"):
        (machine.bin / name).symlink_to((install_bun() / name).resolve())
    runner = find_runner(replace(machine.options, version="18.0.11"), machine.environ)
    assert (runner.source, runner.version) == ("bunx", "18.0.11")
    assert rows(machine.fetch(runner)) == {"2026-04-30": 110, "2026-05-13": 4620}


def test_bun_runs_ccusage_where_there_is_no_node(machine: Machine) -> None:
    for name in ("bun", "bunx"):
        (machine.bin / name).symlink_to((install_bun() / name).resolve())
    runner = find_runner(replace(machine.options, version="18.0.11"), machine.environ)
    assert (runner.source, runner.version, runner.argv[0]) == ("bunx", "18.0.11", str(machine.bin / "bun"))
    assert rows(machine.fetch(runner)) == {"2026-04-30": 110, "2026-05-13": 4620}


def test_what_is_remembered_is_kept_by_source_and_version(machine: Machine) -> None:
    fake_installer(machine, "npx", "20.0.24")
    find_runner(machine.options, machine.environ)
    fake_installer(machine, "npx", "20.0.20")
    other = find_runner(replace(machine.options, version="20.0.20"), machine.environ)
    assert other.version == "20.0.20"
    assert machine.count("npx-calls") == 2
    assert list(json.loads((machine.root / "state/runner.json").read_text())) == ["npx 20.0.24", "npx 20.0.20"]


@pytest.mark.parametrize("spoil", ["prune", "break", "replace", "corrupt", "deep", "list"])
def test_what_does_not_fit_any_more_is_resolved_anew(machine: Machine, spoil: str) -> None:
    fake_installer(machine, "npx")
    first = find_runner(machine.options, machine.environ)
    program, memory = Path(first.argv[0]), machine.root / "state/runner.json"
    if spoil == "prune":
        program.unlink()
        machine.script("npx", f"echo again >> {machine.root}/npx-calls; echo {program.with_name('ccusage2')}")
        machine.script("ccusage2", "echo ccusage 20.0.24", program.parent)
    elif spoil in ("break", "replace"):
        machine.script(program.name, "exit 1" if spoil == "break" else "echo ccusage 20.0.1", program.parent)
        machine.script("npx", f"echo again >> {machine.root}/npx-calls; echo {program.with_name('ccusage2')}")
        machine.script("ccusage2", "echo ccusage 20.0.24", program.parent)
    else:
        memory.write_text({"corrupt": "{", "deep": "[" * 100_000, "list": "[1]"}[spoil])
    assert find_runner(machine.options, machine.environ).version == "20.0.24"
    assert machine.count("npx-calls") == 2
    assert "npx 20.0.24" in json.loads(memory.read_text())


def test_a_local_copy_of_ccusage_does_not_win(node_machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    package = node_machine.root / "node_modules/ccusage"
    node_machine.script("cli.js", "echo 'ccusage 20.0.24'; echo x >> ${0%/*}/used", package)
    (package / "package.json").write_text('{"name":"ccusage","version":"20.0.24","bin":{"ccusage":"cli.js"}}')
    (package.parent / ".bin").mkdir()
    (package.parent / ".bin/ccusage").symlink_to("../ccusage/cli.js")
    (node_machine.root / "package.json").write_text('{"name":"x","dependencies":{"ccusage":"20.0.24"}}')
    monkeypatch.chdir(node_machine.root)
    runner = find_runner(node_machine.options, node_machine.environ)
    assert not runner.argv[0].startswith(str(node_machine.root))
    assert not (package / "used").exists()


def test_npx_that_fails_says_why(machine: Machine) -> None:
    machine.script("npx", "echo 'npm error 404 Not Found - GET https://ana:s3cr3t@registry/ccusage' >&2; exit 1")
    with pytest.raises(RunnerNotFoundError) as caught:
        find_runner(machine.options, machine.environ)
    assert str(caught.value) == (
        "npx could not install ccusage 20.0.24: npm error 404 Not Found - GET https://***@registry/ccusage"
    )
    assert caught.value.hint == "check the network, or run `npm install -g ccusage@20.0.24`"


def test_npx_that_hangs_is_ended_with_its_family(machine: Machine) -> None:
    machine.script("npx", family(machine))
    with pytest.raises(ReportTimeoutError) as caught:
        find_runner(replace(machine.options, timeout_seconds=1), machine.environ)
    assert str(caught.value) == "npx took longer than 1 seconds"
    assert len(pids(machine)) == 2
    wait_until(lambda: not any(map(is_alive, pids(machine))))


def test_state_directory_that_cannot_be_made(machine: Machine) -> None:
    (machine.root / "state").write_text("a file")
    with pytest.raises(ConfigurationError) as caught:
        find_runner(replace(machine.options, command=("true",)), machine.environ | {"PATH": os.environ["PATH"]})
    assert str(caught.value) == f"state directory {machine.root}/state: Not a directory"


def test_a_saved_report_that_is_too_large_is_not_read(program: Program, tmp_path: Path) -> None:
    with (tmp_path / "daily.json").open("wb") as file:
        file.truncate((1 << 30) + 1)

    done = program("import", "--from", tmp_path, "--warehouse", f"chdb://{tmp_path}/warehouse")

    assert done.exit_code == 3
    assert done.stderr.splitlines()[:2] == [
        f"ccusage-import: error: daily: {tmp_path}/daily.json is larger than 1,073,741,824 bytes",
        "hint: move the file away to import the others",
    ]


# The signal is blocked where the waiting is, so it is heard by the thread of the task: to those who wait, that is as if
# it came just before they did.
HEARD_ELSEWHERE = """
import os, signal, threading, time
from ccusage_import.processes import in_threads

def interrupt(number, frame):
    raise KeyboardInterrupt

def task(stop):
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGTERM})
    # Until the waiting has begun.
    time.sleep(0.5)
    os.kill(os.getpid(), signal.SIGTERM)
    deadline = time.monotonic() + 30
    while not stop.requested and time.monotonic() < deadline:
        time.sleep(0.01)
    print("stopped" if stop.requested else "waited for ever")

signal.signal(signal.SIGTERM, interrupt)
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
try:
    in_threads([task], 1)
except KeyboardInterrupt:
    print("interrupted")
"""


def test_a_signal_that_comes_just_before_the_waiting_ends_it() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HEARD_ELSEWHERE], capture_output=True, text=True, check=True, timeout=120
    )

    assert done.stdout == "stopped\ninterrupted\n"

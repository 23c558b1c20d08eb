"""The log file: JSON lines with everything a person needs after the fact, and nothing that is nobody's business."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.logger import read_last_run
from ccusage_import.masking import without_places, without_secrets
from tests.conftest import Program

LOG = ".local/state/ccusage-import/log/ccusage-import.log"


def lines_of(file: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in file.read_text().splitlines()]


@pytest.mark.usefixtures("own_warehouse")
def test_each_import_leaves_its_reports_and_its_load_in_the_log(
    program: Program, corpus: Callable[[str], Path]
) -> None:
    done = program("import", "--claude-dir", corpus("september"), "--machine", "laptop", "--json")

    lines = lines_of(program.home / LOG)
    read = {line["report"]: line["rows"] for line in lines if line["message"] == "report read"}
    assert read == {"daily": 2, "monthly": 1, "session": 5, "blocks": 2, "projects": 2}
    [committed] = [line for line in lines if line["message"] == "load committed"]
    assert committed["load_id"] == json.loads(done.stdout)["load_id"]
    assert (committed["machine"], committed["rows"], committed["level"]) == ("laptop", 12, "INFO")
    assert isinstance(committed["ms"], int)
    [facts] = [line for line in lines if line["message"] == "transcripts read"]
    assert {name: facts[name] for name in ("load_id", "files", "bytes", "lines", "odd", "messages", "tool_calls")} == {
        "load_id": committed["load_id"], "files": 5, "bytes": 168_425, "lines": 307, "odd": 0, "messages": 199,
        "tool_calls": 0,
    }  # fmt: skip
    assert len({line["run"] for line in lines}) == 1


def test_an_import_that_fails_leaves_its_reason_in_the_log(program: Program, corpus: Callable[[str], Path]) -> None:
    transcripts = ("--claude-dir", corpus("september"))
    without_ccusage = program("import", *transcripts, "--ccusage", "/nowhere/ccusage")
    without_server = program("import", *transcripts, "--warehouse", "clickhouse://127.0.0.1:1/x", "--transcripts-only")

    assert (without_ccusage.exit_code, without_server.exit_code) == (3, 4)
    failed = [line for line in lines_of(program.home / LOG) if line["message"] == "import failed"]
    assert [(line["level"], line["kind"]) for line in failed] == [
        ("INFO", "No ccusage was found that can be run"),
        ("INFO", "No server answers at that address"),
    ]


@pytest.mark.usefixtures("own_warehouse")
def test_the_log_names_no_path_and_no_secret(program: Program, corpus: Callable[[str], Path]) -> None:
    source = corpus("september")
    program("import", "--claude-dir", source)
    # A ccusage that cannot be used is passed over with a warning that quotes it.
    broken = program.home / "bin"
    broken.mkdir()
    (broken / "ccusage").write_text("#!/bin/sh\necho /etc/secret-place >&2; exit 3\n")
    (broken / "ccusage").chmod(0o755)
    path = f"{broken}:{program.environ['PATH']}"
    program("import", "--claude-dir", source, "--warehouse", "clickhouse://ana:hunter2@127.0.0.1:1/x", PATH=path)

    log = (program.home / LOG).read_text()
    assert "report read" in log
    for secret in (str(program.home), str(source), "-home-dev-project-1", "hunter2", "secret-place"):
        assert secret not in log


@pytest.mark.parametrize(
    ("text", "hidden"),
    [
        ("lock /home/ana/.local/state/x.lock is held", "lock <path> is held"),
        ("'/home/ana/a b'", "'<path> b'"),
        ("~/.claude/projects/x: denied", "<path>: denied"),
        ("no answer from https://hooks.example/T0/B0?token=1 today", "no answer from https://<address> today"),
        ("clickhouses://ana:pw@host:8443/db", "clickhouses://<address>"),
        ("1/2 of the days, and/or 5 tokens/s", "1/2 of the days, and/or 5 tokens/s"),
    ],
)
def test_paths_and_addresses_are_hidden(text: str, hidden: str) -> None:
    assert without_places(text) == hidden


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("from https://ana:s3cr3t@example.com/x", "from https://***@example.com/x"),
        ("api_key=s3cr3t&x=1 PASSWORD=s3cr3t", "api_key=***&x=1 PASSWORD=***"),
        ("Authorization: Basic czNjcjN0", "Authorization: ***"),
        ("authorization: Bearer s3cr3t", "authorization: ***"),
        ('{"password": "s3cr3t", "user": "ana"}', '{"password": "***", "user": "ana"}'),
        ("X-Api-Key: s3cr3t", "X-Api-Key: ***"),
        ("read /home/ana/x, not /home/ana2/x", "read ~/x, not /home/ana2/x"),
        ("Unexpected token: }, 5 tokens: 3", "Unexpected token: }, 5 tokens: 3"),
    ],
)
def test_words_of_programs_are_shown_without_secrets(words: str, shown: str) -> None:
    assert without_secrets(words, "/home/ana/") == shown


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_verbose_lines_hold_no_address_and_no_secret(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program(
        "import", "-vv", "--claude-dir", corpus("september"),
        CCUSAGE_IMPORT_HEARTBEAT_URL="http://127.0.0.1:9/T0P-SECRET",
        CCUSAGE_IMPORT_PUSHGATEWAY="http://ana:T0P-SECRET@127.0.0.1:9/T0P-SECRET",
        CCUSAGE_IMPORT_NOTIFY='[{"type": "webhook", "url": "http://127.0.0.1:9/T0P-SECRET"}]',
        CCUSAGE_IMPORT_BUDGET='{"daily": 0.01}',
    )  # fmt: skip

    assert done.exit_code == 0
    assert "Pushgateway: no answer: connection refused" in done.stderr
    assert "load committed" in done.stderr
    assert "T0P-SECRET" not in done.stderr


@pytest.mark.usefixtures("own_warehouse")
def test_a_warning_is_a_sentence_with_its_reason(
    program: Program, corpus: Callable[[str], Path], tmp_path: Path
) -> None:
    old = tmp_path / "old" / "ccusage"
    old.parent.mkdir()
    old.write_text("#!/bin/sh\necho 14.2.0\n")
    old.chmod(0o755)
    new = program.environ["PATH"].partition(":")[0]
    (tmp_path / "npx").mkdir()
    (tmp_path / "npx" / "npx").write_text(f"#!/bin/sh\necho {new}/ccusage\n")
    (tmp_path / "npx" / "npx").chmod(0o755)
    file = program.home / ".local/state/ccusage-import/last_offer.json"
    file.mkdir(parents=True)

    path = f"{old.parent}:{tmp_path / 'npx'}:{program.environ['PATH']}"
    done = program("import", "--claude-dir", corpus("september"), PATH=path)

    assert done.exit_code == 0
    why = "ccusage (PATH) is version 14.2.0, 15.5.0 or newer is needed"
    assert done.stderr.splitlines() == [
        f"WARNING  passing over a ccusage that cannot be used: {why} source=PATH",
        f"WARNING  what ccusage showed could not be written down: {file}: Is a directory",
    ]


def test_a_line_of_a_library_and_a_traceback_hold_no_address() -> None:
    code = """
import logging
from ccusage_import.logger import log_to_console
from ccusage_import.__main__ import _log_bug
log_to_console(2)
logging.getLogger("client").info("POST http://127.0.0.1/T0P-SECRET")
try:
    raise ValueError("no answer from http://127.0.0.1/T0P-SECRET")
except ValueError as error:
    _log_bug(type(error), error, error.__traceback__)
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)

    assert "POST http://<address>" in done.stderr
    assert "ValueError: no answer from http://<address>" in done.stderr
    assert "T0P-SECRET" not in done.stderr


def test_a_bug_is_logged_with_its_place_and_without_paths(tmp_path: Path) -> None:
    file = tmp_path / "bug.log"
    code = f"""
from pathlib import Path
from ccusage_import.logger import log_to_file
from ccusage_import.__main__ import _log_bug
log_to_file(Path({str(file)!r}), rotation="1 MB", retention="1 day", warn=print)
try:
    Path({str(tmp_path / "missing")!r}).read_text()
except OSError as error:
    _log_bug(type(error), error, error.__traceback__)
"""
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60)

    [line] = lines_of(file)
    assert (line["level"], line["message"]) == ("CRITICAL", "this is a bug in ccusage-import")
    assert line["error"] == "FileNotFoundError: [Errno 2] No such file or directory: '<path>'"
    assert line["frames"][0] == "<string>:7 <module>"
    assert str(tmp_path) not in file.read_text()


@pytest.mark.usefixtures("own_warehouse")
def test_logs_prints_the_path_and_the_last_run_only(program: Program, corpus: Callable[[str], Path]) -> None:
    source = corpus("september")
    program("import", "--claude-dir", source)
    last = json.loads(program("import", "--claude-dir", source, "--json").stdout)["load_id"]

    shown = program("logs")
    path, *lines = shown.stdout.splitlines()
    assert path == str(program.home / LOG)
    assert len(lines) == 6
    assert f"INFO     load committed load_id={last} machine=" in lines[-1]
    assert program("logs", "--path").stdout == f"{path}\n"
    assert [line["message"] for line in json.loads(program("logs", "--json").stdout)] == [
        *["report read"] * 5,
        "load committed",
    ]


def test_a_line_is_read_whole_whatever_signs_it_has(tmp_path: Path) -> None:
    file = tmp_path / "log"
    line = {"run": "1", "message": "load committed", "reason": "a\u2028b\x85c\rd"}
    file.write_text(f"half of a li\n{json.dumps(line, ensure_ascii=False)}\n")

    assert read_last_run(file) == [line]


def test_logs_before_the_first_import_prints_the_path_and_what_to_do(program: Program) -> None:
    shown = program("logs")

    assert (shown.exit_code, shown.stderr) == (0, "")
    assert shown.stdout == f"{program.home / LOG}\nnothing is logged yet: ccusage-import import\n"
    assert program("logs", "--path").stdout == f"{program.home / LOG}\n"
    assert json.loads(program("logs", "--json").stdout) == []


@pytest.mark.usefixtures("own_warehouse")
def test_the_log_is_rotated_and_old_ones_are_deleted(program: Program, corpus: Callable[[str], Path]) -> None:
    source = corpus("september")
    program("import", "--claude-dir", source)
    old = (program.home / LOG).with_name("ccusage-import.2020-01-01_00-00-00_000000.log")
    old.write_text("")
    os.utime(old, (0, 0))
    program("import", "--claude-dir", source, CCUSAGE_IMPORT_LOG_ROTATION="1 KB")

    files = sorted((program.home / LOG).parent.iterdir())
    assert len(files) == 2
    assert old not in files
    assert [len(lines_of(file)) for file in files].count(0) == 0


@pytest.mark.usefixtures("own_warehouse")
def test_a_log_that_cannot_be_written_is_a_warning(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("september"), CCUSAGE_IMPORT_LOG_FILE="/proc/nowhere/at/all.log")

    assert done.exit_code == 0
    assert "the log file cannot be written" in done.stderr
    assert "$2.82" in done.stdout


@pytest.mark.usefixtures("own_warehouse")
def test_a_log_that_is_a_directory_is_told_to_the_quiet_too(
    program: Program, corpus: Callable[[str], Path], tmp_path: Path
) -> None:
    done = program("import", "--claude-dir", corpus("september"), "-q", CCUSAGE_IMPORT_LOG_FILE=str(tmp_path))

    assert (done.exit_code, done.stdout) == (0, "")
    warning = f"the log file cannot be written: {tmp_path}: Is a directory"
    assert done.stderr == f"ccusage-import: warning: {warning}\n"


def test_a_state_directory_that_cannot_be_written_is_said_once(program: Program, corpus: Callable[[str], Path]) -> None:
    (program.home / ".local").mkdir()
    state = program.home / ".local/state"
    state.write_text("a file in the place of a directory")

    done = program("import", "--claude-dir", corpus("september"))

    assert (done.exit_code, done.stdout) == (4, "")
    lock = f"lock file {state}/ccusage-import/import.lock: Not a directory"
    assert done.stderr == f"ccusage-import: error: {lock}\nhint: make its directory writable\n"


def test_a_log_whose_disk_is_full_is_said_once(tmp_path: Path) -> None:
    file = tmp_path / "full.log"
    code = f"""
import resource
from pathlib import Path
from loguru import logger
from ccusage_import.logger import log_to_console, log_to_file
log_to_console(-1)
resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
log_to_file(Path({str(file)!r}), rotation="1 MB", retention="1 day", warn=print)
logger.info("first")
logger.warning("second")
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60)

    assert done.stdout == f"the log file cannot be written: {file}: File too large\n"
    assert (done.stderr, file.read_text()) == ("", "")


@pytest.mark.usefixtures("own_warehouse")
def test_verbose_logs_to_stderr_and_leaves_stdout_alone(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("september"), "-v", "--json")

    assert "load committed" in done.stderr
    assert json.loads(done.stdout)["exit_code"] == 0

"""The log file: everything a person needs after the fact, nothing that is nobody's business."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Program

LOG = ".local/state/ccusage-import/log/ccusage-import.log"


def test_each_import_leaves_its_load_in_the_log(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("real-2025-09"), "--machine", "laptop", "--json")

    log = (program.home / LOG).read_text()
    assert f"load committed {{'load_id': {json.loads(done.stdout)['load_id']}, 'machine': 'laptop'" in log
    assert "claude/real" not in log
    assert "-home-dev-project-1" not in log


def test_the_log_can_be_json_lines(program: Program, corpus: Callable[[str], Path]) -> None:
    program("import", "--claude-dir", corpus("real-2025-09"), CCUSAGE_IMPORT_LOG_JSON="true")

    lines = [json.loads(line)["record"] for line in (program.home / LOG).read_text().splitlines()]
    assert "load committed" in [line["message"] for line in lines]


def test_a_log_that_cannot_be_written_is_a_warning(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("real-2025-09"), CCUSAGE_IMPORT_LOG_FILE="/proc/nowhere/at/all.log")

    assert done.exit_code == 0
    assert "the log file cannot be written" in done.stderr
    assert "$2.82" in done.stdout


def test_verbose_logs_to_stderr_and_leaves_stdout_alone(program: Program, corpus: Callable[[str], Path]) -> None:
    done = program("import", "--claude-dir", corpus("real-2025-09"), "-v", "--json")

    assert "load committed" in done.stderr
    assert json.loads(done.stdout)["exit_code"] == 0

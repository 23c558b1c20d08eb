"""What ccusage printed is printed again only where it would print the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.processes import Finished, Stop, run_program
from tests.support.ccusage_install import without_launcher
from tests.support.claude_dir import ClaudeDir
from tests.support.printed_again import Run, printing_again


@pytest.fixture
def runs() -> list[tuple[str, ...]]:
    """What was run."""
    return []


@pytest.fixture
def report(ccusage20: Path, tmp_path: Path, runs: list[tuple[str, ...]]) -> Callable[..., Any]:
    """Makes a report of a directory."""
    native = str(without_launcher(ccusage20))
    (settings := tmp_path / "package.json").write_text("{}")

    def counted(argv: tuple[str, ...], *rest: Any, **options: Any) -> Finished:
        runs.append(argv)
        return run_program(argv, *rest, **options)

    run: Run = printing_again(counted, ccusage20.parents[2])

    def made(name: str, directory: object, zone: str = "UTC") -> Any:
        environ = {"HOME": str(tmp_path), "CLAUDE_CONFIG_DIR": str(directory), "TZ": "UTC"}
        argv = (native, "claude", name, "--json", "--offline", "--timezone", zone, "--config", str(settings))
        done = run(argv, environ, tmp_path, 60, Stop(), most_bytes=1 << 20)
        return json.loads(done.stdout) if done.exit_code == 0 else done.exit_code

    return made


def test_equal_transcripts_are_read_once(
    report: Callable[..., Any], corpus: Callable[[str], Path], runs: list[tuple[str, ...]], tmp_path: Path
) -> None:
    june = corpus("june")
    first = report("daily", june)
    assert first["totals"]["totalTokens"] > 0
    shutil.copytree(june, tmp_path / "copied")

    assert report("daily", june) == report("daily", tmp_path / "copied") == first
    assert len(runs) == 1

    assert report("session", june) != first
    report("daily", june, "Asia/Tokyo")
    assert len(runs) == 3
    ClaudeDir(june).say("new", datetime(2025, 6, 20, 12, tzinfo=UTC), 1_000)
    assert report("daily", june)["totals"]["totalTokens"] == first["totals"]["totalTokens"] + 1_000
    next(june.rglob("*.jsonl")).unlink()
    assert report("daily", june)["totals"]["totalTokens"] < first["totals"]["totalTokens"] + 1_000
    assert len(runs) == 5


def test_what_may_change_is_asked_for_each_time(
    report: Callable[..., Any], corpus: Callable[[str], Path], runs: list[tuple[str, ...]], tmp_path: Path
) -> None:
    june, now = corpus("june"), ClaudeDir(tmp_path / "now")
    now.say("now", datetime.now(UTC), 1_000)
    shutil.copytree(june, tmp_path / "projects" / "june")

    for _ in range(2):
        assert report("blocks", now.root)["blocks"][-1]["isActive"]
        assert report("daily", f"{june},{now.root}")["totals"]["totalTokens"] > 1_000
        assert report("daily", tmp_path / "projects" / "june")["totals"]["totalTokens"] > 1_000
        assert report("daily", tmp_path / "nowhere") != 0

    assert len(runs) == 8

"""`watch --listen`: one process stores what is written and answers whoever reads, and lends the warehouse still."""

from __future__ import annotations

import json
import threading
import urllib.parse
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from tests.checks.test_health import free_port
from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.watching import Watch, watching

COUNT = "SELECT count() FROM messages"


def asked(watch: Watch, program: Program, port: int, sql: str) -> str:
    """Ask over HTTP, as any client does."""
    token = next(program.home.rglob("serve.token")).read_text().strip()
    request = urllib.request.Request(
        f"http://127.0.0.1:{port}/?{urllib.parse.urlencode({'query': sql})}", headers={"X-ClickHouse-Key": token}
    )
    assert watch.process.poll() is None
    with urllib.request.urlopen(request, timeout=60) as answer:
        text: str = answer.read().decode()
    return text.strip()


@pytest.mark.exhaustive
def test_who_reads_sees_what_was_just_stored_and_waits_while_the_warehouse_is_lent(
    embedded: Callable[[str], Place], program: Program, tmp_path: Path
) -> None:
    place, claude, port = embedded("live"), ClaudeDir(tmp_path / "claude"), free_port()
    where = ("--warehouse", place.url, "--claude-dir", claude.root)
    claude.say("a", days_ago(0), 10)
    with watching(program, *where, "--reports-every", "0", "--listen", f"127.0.0.1:{port}") as watch:
        for count in range(1, 4):
            watch.until_stored(count)
            assert asked(watch, program, port, COUNT) == str(count)
            claude.say("a", days_ago(0), 10)
        watch.until_stored(4)
        imported = program("import", *where, "--quiet")
        assert imported.exit_code == 0, imported
        # Asked before it has the warehouse again.
        assert asked(watch, program, port, "SELECT count() > 1 FROM loads FINAL") == "1"
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=60) as answer:
            health = json.load(answer)
        assert (health["healthy"], health["watch"]["is_running"]) == (True, True), health
        claude.say("a", days_ago(0), 10)
        watch.until_stored(5)
        assert asked(watch, program, port, COUNT) == "5"
        assert watch.end() == 0
        assert watch.stderr.read_text() == ""
    assert len(watch.events("lent")) in (1, 2)


@pytest.mark.exhaustive
def test_the_end_does_not_wait_for_an_answer(
    embedded: Callable[[str], Place], program: Program, tmp_path: Path
) -> None:
    place, claude, port = embedded("live"), ClaudeDir(tmp_path / "claude"), free_port()
    where = ("--warehouse", place.url, "--claude-dir", claude.root)
    with watching(program, *where, "--reports-every", "0", "--listen", f"127.0.0.1:{port}") as watch:
        claude.say("a", days_ago(0), 10)
        watch.until_stored(1)
        assert asked(watch, program, port, COUNT) == "1"
        answers: list[str] = []

        def ask_for_long() -> None:
            with suppress(OSError):
                answers.append(
                    asked(watch, program, port, "SELECT count() FROM numbers(100000000000) WHERE number % 7 = 3")
                )

        asking = threading.Thread(target=ask_for_long)
        asking.start()
        running = "SELECT count() FROM system.processes WHERE query LIKE '%number % 7%' AND query NOT LIKE '%system%'"
        watch.until(lambda: asked(watch, program, port, running) == "1")
        assert watch.end() == 0
        asking.join()
        assert (answers, watch.stderr.read_text()) == ([], "")
    assert place.rows(COUNT) == [(1,)]


def test_a_server_answers_for_itself(program: Program) -> None:
    done = program("watch", "--warehouse", "clickhouse://127.0.0.1:1/ccusage", "--listen", "127.0.0.1:0")
    assert (done.exit_code, done.stderr.splitlines()[0].endswith("/ccusage is a server already")) == (2, True), done

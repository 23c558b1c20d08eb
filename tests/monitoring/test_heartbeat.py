"""The dead man's switch hears when an import begins and how it ends. Real imports, a real web server."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.support.exhaustive import some_of
from tests.support.receiver import Receiver, running_receiver

Corpus = Callable[[str], Path]


@pytest.mark.usefixtures("own_warehouse")
@pytest.mark.parametrize(
    ("address", "start", "end"),
    some_of(
        [
            ("/ping/T0P-SECRET", "/ping/T0P-SECRET/start", "/ping/T0P-SECRET"),
            ("/ping/T0P-SECRET/?create=1", "/ping/T0P-SECRET/start?create=1", "/ping/T0P-SECRET?create=1"),
            ("", "/start", "/"),
        ],
        1,
    ),
)
def test_start_and_success(
    program: Program, corpus: Corpus, receiver: Receiver, address: str, start: str, end: str
) -> None:
    done = program(
        "import",
        "--claude-dir",
        corpus("september"),
        CCUSAGE_IMPORT_HEARTBEAT_URL=f"http://127.0.0.1:{receiver.port}{address}",
    )

    assert (done.exit_code, done.stderr) == (0, "")
    assert [(request.path, request.body) for request in receiver.requests] == [(start, b""), (end, b"")]


def test_a_failure_says_of_what_kind(program: Program, receiver: Receiver) -> None:
    done = program("import", CCUSAGE_IMPORT_HEARTBEAT_URL=receiver.url)

    assert done.exit_code == 3
    assert [(request.path, request.body.decode()) for request in receiver.requests] == [
        ("/hooks/T0P-SECRET/start", ""),
        ("/hooks/T0P-SECRET/fail", "No readable Claude data directory"),
    ]


def test_transcripts_that_fail_alone_are_named(program: Program, corpus: Corpus, receiver: Receiver) -> None:
    (program.home / ".local/state/ccusage-import/transcripts.sqlite").mkdir(parents=True)

    done = program("import", "--claude-dir", corpus("september"), CCUSAGE_IMPORT_HEARTBEAT_URL=receiver.url)

    assert done.exit_code == 5
    assert receiver.requests[-1].body.decode() == "transcripts: A setting, file or option that cannot be used"


def test_without_an_address_nobody_is_pinged(program: Program, receiver: Receiver) -> None:
    assert program("import").exit_code == 3
    assert receiver.requests == []


def test_a_scheduled_import_goes_through_the_proxy_of_its_variables(
    program: Program, receiver: Receiver, tmp_path: Path
) -> None:
    file = tmp_path / "schedule.env"
    file.write_text(f"CCUSAGE_IMPORT_HEARTBEAT_URL=http://hooks.example/x\nhttp_proxy=127.0.0.1:{receiver.port}\n")

    assert program("import", "--env-file", file, no_proxy="", NO_PROXY="").exit_code == 3

    assert [request.path for request in receiver.requests] == [
        "http://hooks.example/x/start",
        "http://hooks.example/x/fail",
    ]


@pytest.mark.usefixtures("own_warehouse")
def test_one_that_is_down_is_a_warning(program: Program, corpus: Corpus, receiver: Receiver) -> None:
    receiver.always = 500

    done = program("import", "--claude-dir", corpus("september"), CCUSAGE_IMPORT_HEARTBEAT_URL=receiver.url)

    assert done.exit_code == 0
    assert done.stderr == "ccusage-import: warning: heartbeat: answered 500\n" * 2
    assert "$2.82" in done.stdout
    # The start is tried once: the import waits for it.
    assert [request.path.removeprefix("/hooks/T0P-SECRET") for request in receiver.requests] == ["/start", "", "", ""]


@pytest.mark.usefixtures("own_warehouse")
def test_one_that_hangs_does_not_keep_an_import_from_beginning(
    program: Program, corpus: Corpus, receiver: Receiver
) -> None:
    receiver.answers = ["hang"]
    begun = time.monotonic()

    done = program("import", "--claude-dir", corpus("september"), CCUSAGE_IMPORT_HEARTBEAT_URL=receiver.url)

    assert time.monotonic() - begun < 40
    assert done.exit_code == 0
    assert done.stderr == "ccusage-import: warning: heartbeat: no answer: timed out\n"
    assert [request.path for request in receiver.requests] == ["/hooks/T0P-SECRET/start", "/hooks/T0P-SECRET"]


def test_an_interrupted_import_fails_for_the_heartbeat_and_shouts_at_nobody(
    program: Program, corpus: Corpus, receiver: Receiver, tmp_path: Path
) -> None:
    slow = tmp_path / "slow-ccusage"
    slow.write_text(f"#!/bin/sh\ntouch {tmp_path}/runs\nsleep 60\n")
    slow.chmod(0o755)
    with running_receiver() as people:
        environ = {
            "CCUSAGE_IMPORT_CCUSAGE": str(slow),
            "CCUSAGE_IMPORT_HEARTBEAT_URL": receiver.url,
            "CCUSAGE_IMPORT_NOTIFY": f'[{{"type": "webhook", "url": "{people.url}"}}]',
        }
        with subprocess.Popen(
            [sys.executable, "-m", "ccusage_import", "import", "--claude-dir", corpus("september")],
            env={**program.environ, **environ},
            cwd=program.home,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        ) as running:
            while not (tmp_path / "runs").exists():
                time.sleep(0.02)
            running.send_signal(signal.SIGTERM)
            _, stderr = running.communicate(timeout=30)

        assert (running.returncode, stderr) == (130, b"ccusage-import: interrupted\n")
        assert [(request.path, request.body) for request in receiver.requests[1:]] == [
            ("/hooks/T0P-SECRET/fail", b"The import was interrupted")
        ]
        assert people.requests == []

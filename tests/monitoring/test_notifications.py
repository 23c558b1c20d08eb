"""People are told once what they must know, and what cannot be told ends no import. Real imports, a real web server."""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.config.settings import Settings
from ccusage_import.monitoring.notifications import notify
from ccusage_import.monitoring.outcome import RunMemory, RunOutcome
from tests.conftest import Program, Result
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.exhaustive import some_of
from tests.support.receiver import Receiver, running_receiver

PAGE = (Path(__file__).parent.parent.parent / "docs" / "notifications.md").read_text("utf-8")
SECRET = "T0P-SECRET"
LOG = ".local/state/ccusage-import/log/ccusage-import.log"
BROKEN = {"CCUSAGE_IMPORT_CCUSAGE": "/bin/false"}
WHY = "The ccusage that was found is older than this program can read, or does not say its version"

Importer = Callable[..., Result]
pytestmark = pytest.mark.usefixtures("engine_stays")


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """A Claude data directory with one answer of today: $1.50."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("today", days_ago(0, hour=0), 100_000)
    return claude


@pytest.fixture
def run_import(program: Program, claude: ClaudeDir) -> Importer:
    """Imports the directory in UTC; `notify` are the targets."""

    def run(*arguments: str | Path, notify: list[dict[str, Any]], **environ: str) -> Result:
        return program(
            "import", "--claude-dir", claude.root, "--timezone", "UTC", "--machine", "studio", *arguments,
            CCUSAGE_IMPORT_NOTIFY=json.dumps(notify), **environ,
        )  # fmt: skip

    return run


def webhook(receiver: Receiver, *events: str) -> dict[str, Any]:
    return {"type": "webhook", "url": receiver.url, **({"events": events} if events else {})}


def warnings(done: Result) -> list[str]:
    return [line for line in done.stderr.splitlines() if line.startswith("ccusage-import: warning: ")]


# --- events ---------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("own_warehouse")
def test_a_failure_is_told_once_then_its_end(run_import: Importer, receiver: Receiver) -> None:
    targets = [webhook(receiver)]
    told = []
    for broken in (False, True, True, False, False, True):
        done = run_import(notify=targets, **(BROKEN if broken else {}))
        assert (done.exit_code, warnings(done)) == (3 if broken else 0, [])
        told.append(receiver.heard())

    assert told == [[], ["failed"], [], ["recovered"], [], ["failed"]]


@pytest.mark.usefixtures("own_warehouse")
def test_what_a_webhook_gets(run_import: Importer, receiver: Receiver) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    run_import(notify=[webhook(receiver)])
    run_import(notify=[webhook(receiver)], **BROKEN)

    [request] = receiver.requests
    document = request.document
    example = json.loads(PAGE.partition("```json\n")[2].partition("```")[0])
    assert (list(document), list(document["details"])) == (list(example), list(example["details"]))
    assert before <= datetime.fromisoformat(document.pop("at")) <= datetime.now(UTC)
    last_success = document["details"]["last_success_at"]
    assert before <= datetime.fromisoformat(last_success) <= datetime.now(UTC)
    minute = last_success[:16].replace("T", " ")
    assert document == {
        "event": "failed",
        "machine": "studio",
        "title": "studio: the import failed",
        "text": f"{WHY}\nlast success: {minute} UTC\nmore: ccusage-import status, ccusage-import history",
        "exit_code": 3,
        "details": {"failure": WHY, "last_success_at": last_success},
    }
    assert request.headers["Content-Type"] == "application/json"


def test_a_warehouse_that_is_down_is_told(run_import: Importer, receiver: Receiver) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    done = run_import("--warehouse", f"clickhouse://127.0.0.1:{port}/ccusage", notify=[webhook(receiver)])

    assert done.exit_code == 4
    [request] = receiver.requests
    assert (request.document["event"], request.document["exit_code"]) == ("failed", 4)
    assert request.document["details"] == {"failure": "No server answers at that address", "last_success_at": None}
    assert str(port) not in request.document["text"]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_no_success_for_too_long_is_told_once(run_import: Importer, receiver: Receiver) -> None:
    targets = [webhook(receiver, "stale", "recovered")]
    soon = {"CCUSAGE_IMPORT_STALE_AFTER_HOURS": "0.00001"}
    run_import(notify=targets, **soon)
    told = []
    for broken in (True, True, False, False):
        run_import(notify=targets, **soon, **(BROKEN if broken else {}))
        told.append(receiver.heard())

    assert told == [["stale"], [], ["recovered"], []]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_held_numbers_are_told_when_they_are_more(run_import: Importer, claude: ClaudeDir, receiver: Receiver) -> None:
    targets = [webhook(receiver)]
    for day, session in ((40, "a"), (45, "b")):
        claude.say(session, days_ago(day), 70_000)
        claude.say(f"{session}-stays", days_ago(day), 10)
    run_import(notify=targets)
    assert receiver.heard() == []
    documents = []
    for session in ("a", "b"):
        claude.delete(session)
        assert run_import(notify=targets).exit_code == 0
        [request] = receiver.requests
        documents.append(request.document)
        receiver.requests.clear()
        run_import(notify=targets)
        assert receiver.requests == []

    first, second = documents
    assert (first["event"], second["event"]) == ("held", "held")
    assert first["details"].keys() == {"held", "held_before"}
    assert first["details"]["held_before"] == 0 < first["details"]["held"]
    assert second["details"]["held_before"] == first["details"]["held"] < second["details"]["held"]
    assert first["title"] == f"studio: {first['details']['held']} smaller numbers are held back"
    assert first["text"] == ("ccusage shows less than it once did; what was stored stays\nmore: ccusage-import held")


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_crossed_budget_is_told_once_a_period(run_import: Importer, receiver: Receiver) -> None:
    budget = {"monthly": 1000, "projects": {"-home-ana-shop": {"daily": 1.2}}}
    changed = {"monthly": 1000, "projects": {"-home-ana-shop": {"daily": 1.4}}}

    done = run_import(notify=[webhook(receiver)], CCUSAGE_IMPORT_BUDGET=json.dumps(budget))

    assert done.exit_code == 0
    [request] = receiver.requests
    today = f"{datetime.now(UTC):%Y-%m-%d}"
    assert request.document["title"] == "studio: the daily budget of project -home-ana-shop is crossed"
    assert request.document["text"] == f"$1.50 spent since {today}, $1.20 allowed"
    assert request.document["details"] == {
        "scope": "project",
        "name": "-home-ana-shop",
        "period": "daily",
        "since": today,
        "spent_usd": "1.500000000",
        "limit_usd": "1.2",
    }
    receiver.requests.clear()
    run_import(notify=[webhook(receiver)], CCUSAGE_IMPORT_BUDGET=json.dumps(budget))
    assert receiver.heard() == []
    run_import(notify=[webhook(receiver)], CCUSAGE_IMPORT_BUDGET=json.dumps(changed))
    assert receiver.heard() == ["budget"]


@pytest.mark.parametrize(
    "arguments", [("--dry-run",), pytest.param(("--demo",), marks=pytest.mark.exhaustive), ("--from", "saved")]
)
@pytest.mark.usefixtures("own_warehouse")
def test_what_writes_nothing_of_this_machine_tells_nobody(
    run_import: Importer, receiver: Receiver, program: Program, arguments: list[str]
) -> None:
    (program.home / "saved").mkdir()

    run_import(*arguments, notify=[webhook(receiver)], CCUSAGE_IMPORT_HEARTBEAT_URL=receiver.url, **BROKEN)

    assert receiver.requests == []


# --- targets --------------------------------------------------------------------------------------------


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_target_hears_only_what_it_wants(run_import: Importer, receiver: Receiver) -> None:
    targets = [webhook(receiver, "recovered")]
    run_import(notify=targets, **BROKEN)
    assert receiver.heard() == []
    run_import(notify=targets)
    assert receiver.heard() == ["recovered"]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_target_that_is_down_is_a_warning_and_hears_it_later(
    run_import: Importer, receiver: Receiver, program: Program
) -> None:
    """What one target heard is not told it again because another one did not."""
    with running_receiver() as other:
        targets = [webhook(receiver), {"type": "slack", "url": other.url}]
        budget = {"CCUSAGE_IMPORT_BUDGET": '{"daily": 1}'}
        other.always = 503

        done = run_import(notify=targets, **budget)

        assert done.exit_code == 0
        assert done.stderr == "ccusage-import: warning: slack notification (notify.1): answered 503\n"
        assert program("query", "SELECT sum(cost_usd) FROM daily", "--format", "csv").stdout.splitlines()[1] == "1.5"
        assert (receiver.heard(), len(other.requests)) == (["budget"], 3)
        other.requests.clear()
        other.always = 200
        assert warnings(run_import(notify=targets, **budget)) == []
        assert receiver.heard() == []
        assert [request.document["text"].splitlines()[0] for request in other.requests] == [
            "studio: the daily budget is crossed"
        ]


@pytest.mark.usefixtures("own_warehouse")
def test_a_command_gets_the_document(run_import: Importer, tmp_path: Path) -> None:
    script = f'cat > {tmp_path}/stdin; echo "$CCUSAGE_IMPORT_EVENT: $CCUSAGE_IMPORT_TITLE" > {tmp_path}/environment'
    noise = "head -c 1000000 /dev/zero; head -c 1000000 /dev/zero >&2"

    done = run_import(notify=[{"type": "command", "command": ["sh", "-c", f"{script}; {noise}"]}], **BROKEN)

    assert (done.exit_code, warnings(done), done.stdout) == (3, [], "")
    document = json.loads((tmp_path / "stdin").read_text())
    assert (document["event"], document["machine"], document["exit_code"]) == ("failed", "studio", 3)
    assert (tmp_path / "environment").read_text() == "failed: studio: the import failed\n"


@pytest.mark.usefixtures("own_warehouse")
@pytest.mark.parametrize(
    ("command", "reason"),
    some_of(
        [
            (["sh", "-c", f"echo {SECRET} >&2; exit 7"], "exit code 7"),
            ([f"/nowhere/{SECRET}"], "no such file or directory"),
            (["/etc/passwd", SECRET], "permission denied"),
            (["sh", f"{SECRET}\0"], "cannot be run"),
        ],
        0,
    ),
)
def test_a_command_that_fails_is_a_warning(
    run_import: Importer, program: Program, command: list[str], reason: str
) -> None:
    done = run_import(notify=[{"type": "command", "command": command}], CCUSAGE_IMPORT_BUDGET='{"daily": 1}')

    assert done.exit_code == 0
    assert done.stderr == f"ccusage-import: warning: command notification (notify.0): {reason}\n"
    assert SECRET not in (program.home / LOG).read_text()


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_who_hangs_is_given_up_and_delays_nobody_else(run_import: Importer, receiver: Receiver, tmp_path: Path) -> None:
    with running_receiver() as hanging:
        hanging.always = "hang"
        script = f"sleep 60 & echo $! > {tmp_path}/child; wait"
        targets = [
            {"type": "discord", "url": hanging.url},
            {"type": "command", "command": ["sh", "-c", script]},
            webhook(receiver),
        ]
        begun = time.monotonic()

        done = run_import(notify=targets, CCUSAGE_IMPORT_BUDGET='{"daily": 1}')

        assert time.monotonic() - begun < 40
    assert done.exit_code == 0
    assert done.stderr.splitlines() == [
        "ccusage-import: warning: discord notification (notify.0): no answer: timed out",
        "ccusage-import: warning: command notification (notify.1): took longer than 10 seconds",
    ]
    assert receiver.heard() == ["budget"]
    assert not Path(f"/proc/{(tmp_path / 'child').read_text().strip()}/environ").exists()


# --- what is said, and what is not ----------------------------------------------------------------------


@pytest.mark.usefixtures("own_warehouse")
def test_names_mention_nobody_in_slack_and_discord(run_import: Importer, receiver: Receiver) -> None:
    targets = [{"type": "slack", "url": f"{receiver.url}/slack"}, {"type": "discord", "url": f"{receiver.url}/discord"}]

    run_import("--machine", "<!channel> & *@everyone* [x](http://x)", notify=targets, **BROKEN)

    bodies = {request.path.rpartition("/")[2]: request.document for request in receiver.requests}
    assert bodies["slack"].keys() == {"text"}
    assert bodies["slack"]["text"].splitlines()[:2] == [
        "&lt;!channel&gt; &amp; *@everyone* [x](http://x): the import failed",
        WHY,
    ]
    assert bodies["discord"].keys() == {"content", "allowed_mentions"}
    assert bodies["discord"]["allowed_mentions"] == {"parse": []}
    assert bodies["discord"]["content"].splitlines()[0] == (
        r"\<!channel\> & \*@everyone\* \[x\](http://x): the import failed"
    )


def test_discord_gets_no_more_than_it_takes(receiver: Receiver) -> None:
    settings = Settings.model_validate(
        {
            "warehouse": "chdb:///nowhere",
            "machine": "studio",
            "timezone": "UTC",
            "salt": "salt",
            "notify": [{"type": "discord", "url": receiver.url}],
        }
    )
    now = datetime.now(UTC)
    outcome = RunOutcome(machine="studio", started_at=now, finished_at=now, exit_code=3, failure="_" * 1500)

    assert notify(settings, outcome, RunMemory(), {}) == []

    [request] = receiver.requests
    content = request.document["content"]
    assert len(content) == 2000
    assert content.startswith(r"studio: the import failed" + "\n" + r"\_\_\_")
    assert content.endswith("…")


@pytest.mark.usefixtures("own_warehouse")
def test_addresses_are_never_shown(run_import: Importer, receiver: Receiver, program: Program) -> None:
    targets = [{"type": kind, "url": receiver.url} for kind in ("webhook", "slack", "discord")]
    settings = {"CCUSAGE_IMPORT_NOTIFY": json.dumps(targets), "CCUSAGE_IMPORT_HEARTBEAT_URL": receiver.url}
    receiver.always = 404

    done = run_import("-v", "-v", notify=targets, CCUSAGE_IMPORT_HEARTBEAT_URL=receiver.url, **BROKEN)

    assert warnings(done) == [
        "ccusage-import: warning: heartbeat: answered 404",
        "ccusage-import: warning: webhook notification (notify.0): answered 404",
        "ccusage-import: warning: slack notification (notify.1): answered 404",
        "ccusage-import: warning: discord notification (notify.2): answered 404",
        "ccusage-import: warning: heartbeat: answered 404",
    ]
    shown = [done.stderr, *(program("config", "show", *how, **settings).stdout for how in ((), ("--json",)))]
    files = [file.read_text(errors="replace") for file in program.home.rglob("*") if file.is_file()]
    assert len(files) > 3
    for text in shown + files:
        assert SECRET not in text


@pytest.mark.usefixtures("own_warehouse")
def test_each_delivery_is_logged(run_import: Importer, receiver: Receiver, program: Program) -> None:
    targets = [webhook(receiver), {"type": "slack", "url": f"http://127.0.0.1:9/{SECRET}"}]

    run_import(notify=targets, **BROKEN)

    lines = map(json.loads, (program.home / LOG).read_text().splitlines())
    told = {line["message"]: line for line in lines if line.get("event")}
    assert told.keys() == {"notification delivered", "notification not delivered"}
    assert (told["notification delivered"]["event"], told["notification delivered"]["target"]) == ("failed", "webhook")
    missed = told["notification not delivered"]
    assert (missed["target"], missed["reason"]) == (
        "slack",
        "slack notification (notify.1): no answer: connection refused",
    )


def test_a_failure_of_which_nobody_is_notified_writes_nothing_down(program: Program) -> None:
    (program.home / ".local/state/ccusage-import/announced.json").mkdir(parents=True)

    done = program("import", "--claude-dir", f"{program.home}/none")

    assert (done.exit_code, done.stderr.splitlines()) == (
        3,
        [
            f"ccusage-import: error: no Claude data directory: no folder `projects` in {program.home}/none",
            "hint: use Claude Code once, or name its directory: --claude-dir DIR",
        ],
    )

"""What `--json` prints: one document of each command, as its schema in docs/schemas says."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from ccusage_import.cli.app import COMMANDS, LazyCommand
from ccusage_import.cli.chart.command import Charted
from ccusage_import.cli.live.lines import JsonLines
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.import_summary import FactsSummary, ImportSummary
from ccusage_import.live.events import (
    Ended,
    Imported,
    ImportFailed,
    Lent,
    Lost,
    Reconfigured,
    Regained,
    Stored,
    Warned,
    Watching,
)
from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.schemas import DIRECTORY, SCHEMAS, schema_file, schema_texts

pytestmark = pytest.mark.usefixtures("engine_stays")


def commands_with_json() -> Iterator[str]:
    """Yield the commands that have the option."""
    for name, (place, summary) in COMMANDS.items():
        command = LazyCommand(name, place, summary).imported()
        inner = getattr(command, "commands", None)
        for words, each in [(f"{name} {word}", inner[word]) for word in inner] if inner else [(name, command)]:
            if any("--json" in parameter.opts for parameter in each.params):
                yield words


def problems(document: object, schema: str) -> list[str]:
    """Return what differs from a schema that is published."""
    published = json.loads((DIRECTORY / schema).read_text("utf-8"))
    return [error.message for error in jsonschema.Draft202012Validator(published).iter_errors(document)]


@dataclass
class Checked:
    """Runs commands with --json, and compares what they print with their schemas."""

    program: Program
    environ: dict[str, str]

    def __call__(self, command: str, *arguments: str | Path, exit_code: int = 0) -> Any:
        """Return the document."""
        done = self.program(*command.split(), *arguments, "--json", **self.environ)
        assert done.exit_code == exit_code, (command, done.stderr)
        document = json.loads(done.stdout)
        assert problems(document, schema_file(command)) == [], command
        return document


@dataclass
class History:
    """A history with something held, in an embedded warehouse."""

    place: Place
    claude: ClaudeDir
    checked: Checked


@pytest.fixture
def history(program: Program, migrated: Place, tmp_path: Path) -> History:
    """Days of two sessions, of which one was deleted, and a block that is open."""
    claude = ClaudeDir(tmp_path / "claude")
    for days in (1, 2, 45):
        claude.say(f"a{days}", days_ago(days), 1000 * days)
        claude.say(f"b{days}", days_ago(days), 1000 * days)
    claude.say("now", datetime.now(UTC), 100)
    environ = {
        "CCUSAGE_IMPORT_WAREHOUSE": migrated.url,
        "CCUSAGE_IMPORT_KEEP_RAW": "true",
        "CCUSAGE_IMPORT_TIMEZONE": "UTC",
        "CCUSAGE_IMPORT_CLAUDE_DIRS": str(claude.root),
    }
    checked = Checked(program, environ)
    assert checked("import")["active_block"]
    for session in ("a2", "a45"):
        claude.delete(session)
    assert checked("import")["held"]
    return History(migrated, claude, checked)


def test_every_command_that_prints_json_has_a_schema() -> None:
    assert list(commands_with_json()) == list(SCHEMAS)


def test_the_published_schemas_are_those_of_the_description() -> None:
    published = {file.name: file.read_text("utf-8") for file in DIRECTORY.iterdir()}

    assert published == schema_texts(), "python -m tests.support.schemas"
    for text in published.values():
        jsonschema.Draft202012Validator.check_schema(json.loads(text))


def test_the_documentation_names_each_schema() -> None:
    page = (DIRECTORY.parent / "json.md").read_text("utf-8")

    assert [name for name in schema_texts() if f"(schemas/{name})" not in page] == []


@pytest.mark.one_place
def test_commands_that_read_print_what_their_schemas_say(history: History, tmp_path: Path) -> None:
    checked, config = history.checked, tmp_path / "config.toml"
    config.write_text("[budget]\nmonthly = 1000\n[quota]\nweek_usd = 500\n")

    assert checked("import", "--dry-run")["dry_run"] is True
    assert checked("migrate")["applied_now"] == checked("migrate", "--status")["pending"] == []
    assert {row["cost_usd"] for row in checked("query", "messages")} == {"0.015", "0.03", "0.675", "0.0015"}
    assert checked("query", "--list")[0]["name"] == "cost_by_day"
    assert checked("budget", "--config", config)[0]["limit_usd"] == "1000"
    assert float(checked("quota", "--config", config)[0]["maximum"]) == 500
    assert checked("check", "--config", config)["checks"]
    assert checked("status")["state"] == "ok"
    assert checked("logs", "--path")["path"].endswith(".log")
    assert checked("logs")[-1]["message"]
    assert len(checked("history")) == 2
    assert checked("changes")
    assert checked("held")
    verified = checked("verify")
    assert (verified["unexplained"], len(verified["differences"]) > 0) == (0, True)
    assert checked("report")["hours"]
    assert checked("report", "--output", tmp_path / "digest.json") == {"file": str(tmp_path / "digest.json")}
    assert problems(json.loads((tmp_path / "digest.json").read_text("utf-8")), "report.json") == []
    assert all("start" in part for what in ("daily", "monthly") for part in checked("chart", what))
    assert checked("config show")["salt"]["value"] == "***"
    assert checked("schedule status", exit_code=6) == {"installed": False, "hook": None}


@pytest.mark.exhaustive
@pytest.mark.one_place
def test_every_chart_prints_what_its_schema_says(history: History) -> None:
    for what in get_args(Charted):
        assert history.checked("chart", what)


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_commands_that_write_print_what_their_schemas_say(history: History, tmp_path: Path) -> None:
    checked = history.checked

    assert checked("accept", "last")["verdicts"]
    assert checked("undo", "last")["undoes"]
    backup = checked("backup", tmp_path / "saved")
    assert checked("restore", tmp_path / "saved", "--warehouse", f"chdb://{tmp_path}/restored") == backup
    assert checked("repair") == {"attached": [], "moved": [], "loads": []}
    assert checked("export", "daily", "-o", tmp_path / "tables")["files"][0]["name"] == "daily"
    assert len(checked("raw list")["loads"]) == 2
    assert len(checked("raw export", tmp_path / "raw")["loads"]) == 2
    replayed = checked("import", "--from", tmp_path / "raw", "--warehouse", f"chdb://{tmp_path}/replayed")
    assert len(replayed["loads"]) == 2
    assert checked("compact", "--older-than", "40d")["facts"] == {"messages": 2}
    assert checked("rename machine", "other", "--dry-run")["new"] == "other"
    assert checked("rename projects", "--dry-run")["records"] == 0


@pytest.mark.one_place
def test_push_prints_what_its_schema_says(history: History, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue("gateway").url(database="pushed_json")
    done = history.checked.program("migrate", "--create-database", "--warehouse", url)
    assert done.exit_code == 0, done.stderr

    assert history.checked("push", url)["records"] > 0


def test_each_line_of_watch_is_what_its_schema_says(capsys: pytest.CaptureFixture[str]) -> None:
    error = ConfigurationError("notify: is empty", hint="config set notify")
    lines = JsonLines()

    for event in (
        Watching((Path("/home/ana/.claude"),), polls=True, reason="a network drive"),
        Stored(FactsSummary(files=1, bytes=300, new=Counter(messages=2)), 0.25),
        Imported(
            ImportSummary(machine="laptop", timezone="UTC", is_dry_run=False, ccusage_version="20.0.24", runner="PATH")
        ),
        ImportFailed(error),
        Lost(error),
        Regained(3.5),
        Warned("the clock is ahead"),
        Lent(),
        Reconfigured(),
        Ended(),
    ):
        lines.hear(event)

    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [document["event"] for document in documents] == [
        "watching", "stored", "imported", "import_failed", "lost", "regained", "warning", "lent", "reconfigured",
        "ended",
    ]  # fmt: skip
    assert [problems(document, "watch.json") for document in documents] == [[]] * 10


@pytest.mark.parametrize(
    "arguments",
    [("query", "dayly"), ("query", "daily", "--explain"), ("export", "daily", "-o", "-"), ("budget",), ("held",)],
)
def test_an_error_is_a_document_too(program: Program, arguments: tuple[str, ...]) -> None:
    done = program(*arguments, "--json", CCUSAGE_IMPORT_WAREHOUSE="http://nobody")

    assert done.exit_code == 2
    assert problems(json.loads(done.stdout), "error.json") == []


@pytest.mark.parametrize(
    ("arguments", "message", "hint"),
    [
        (("status", "--nope"), "status: no such option: --nope", "ccusage-import status --help"),
        (("predict",), "predict: missing argument 'COMMAND'", "ccusage-import predict --help"),
        (("held", "a"), "held: got unexpected extra argument(s) (a)", "ccusage-import held --help"),
        (("rename", "machine"), "rename machine: missing argument 'NEW'", "ccusage-import rename machine --help"),
        (("held", "--config", ""), "held: invalid value for '--config': is empty", "ccusage-import held --help"),
    ],
)
def test_arguments_that_cannot_be_are_an_error_like_any_other(
    program: Program, arguments: tuple[str, ...], message: str, hint: str
) -> None:
    done = program(*arguments, "--json")

    assert done.exit_code == 2
    document = json.loads(done.stdout)
    assert problems(document, "error.json") == []
    assert document == {"exit_code": 2, "error": {"message": message, "details": [], "hint": hint}}
    assert done.stderr == f"ccusage-import: error: {message}\nhint: {hint}\n"


@pytest.mark.parametrize(
    ("command", "other"), [(("query", "daily"), "csv"), (("query", "daily"), "parquet"), (("report",), "markdown")]
)
def test_another_format_is_not_json(program: Program, command: tuple[str, ...], other: str) -> None:
    done = program(*command, "--format", other, "--json")

    error = {"message": f"--format {other}: prints no JSON", "details": [], "hint": "leave out --json"}
    assert (done.exit_code, json.loads(done.stdout)) == (2, {"exit_code": 2, "error": error})


@pytest.mark.parametrize(
    "arguments", [("watch", "--nope"), ("statusline",), ("nope",), ("query", "--", "SELECT 1", "2")]
)
def test_what_prints_no_document_prints_none_of_its_arguments(program: Program, arguments: tuple[str, ...]) -> None:
    done = program(*arguments, "--json")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("ccusage-import: error: ")


@pytest.mark.parametrize(
    ("document", "schema"),
    [
        ({"path": "/log", "more": 1}, "logs.json"),
        ({"load_id": 1, "undoes": 0}, "undo.json"),
        ({"before": "yesterday", "facts": {}, "rows": 0, "bytes": 0, "load_id": 1, "is_dry_run": True}, "compact.json"),
    ],
)
def test_a_schema_refuses_what_is_not_in_it(document: object, schema: str) -> None:
    assert problems(document, schema)

"""What `[[notify]]` and `heartbeat_url` accept, and how a refusal reads: it names the place and never the value."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.config.tables.notify import EVENTS
from tests.conftest import Program, Result

PAGE = (Path(__file__).parent.parent.parent / "docs" / "notifications.md").read_text("utf-8")
TOML = """
heartbeat_url = "https://hc-ping.example/T0P-SECRET"

[[notify]]
type = "slack"
url = "https://hooks.slack.example/services/T0P-SECRET"
events = ["failed", "recovered"]

[[notify]]
type = "command"
command = ["/usr/local/bin/tell", "--all"]
"""


def shown(program: Program, *arguments: str | Path, **environ: str) -> Result:
    return program("config", "show", "--json", *arguments, **environ)


def test_the_file_holds_tables(program: Program, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(TOML)

    settings = json.loads(shown(program, "--config", tmp_path / "config.toml").stdout)

    assert settings["notify"]["value"] == [
        {"type": "slack", "url": "**********", "events": ["failed", "recovered"]},
        {"type": "command", "command": ["/usr/local/bin/tell", "--all"]},
    ]
    assert settings["heartbeat_url"]["value"] == "***"


def test_the_example_of_the_readme_is_accepted(program: Program, tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text(PAGE.partition("# Notifications\n\n```toml\n")[2].partition("```")[0])

    settings = json.loads(shown(program, "--config", tmp_path / "config.toml").stdout)

    assert [target["type"] for target in settings["notify"]["value"]] == ["slack", "discord", "webhook", "command"]


def test_the_readme_explains_every_event() -> None:
    rows = PAGE.partition("| event | sent |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()

    assert {row.split("`")[1] for row in rows} == set(EVENTS)


URL = "https://hooks.example/T0P-SECRET"


@pytest.mark.parametrize(
    ("notify", "reason"),
    [
        (
            {"type": "slack", "url": URL},
            "notify (environment): is not a list of tables: begin each with [[notify]]; in",
        ),
        ([{"url": URL}], "notify.0.type (environment): Field required"),
        ([{"type": "slack"}], "notify.0 (environment): a target of type slack needs `url` and no `command`"),
        (
            [{"type": "slack", "url": URL}, {"type": "command", "url": URL}],
            "notify.1 (environment): a target of type command needs `command` and no `url`",
        ),
        ([{"type": "slack", "url": "T0P-SECRET"}], "notify.0.url (environment): is not an http:// or https:// address"),
        ([{"type": "slack", "url": "https:///T0P-SECRET"}], "notify.0.url (environment): is not an http://"),
        ([{"type": "slack", "url": "http://h:T0P-SECRET"}], "notify.0.url (environment): is not an http://"),
        ([{"type": "slack", "url": "http://h:0/T0P-SECRET"}], "notify.0.url (environment): is not an http://"),
        ([{"type": "slack", "url": "http://[T0P-SECRET"}], "notify.0.url (environment): is not an http://"),
        ([{"type": "slack", "url": "http://h/ T0P-SECRET"}], "notify.0.url (environment): is not an http://"),
        (
            [{"type": "slack", "url": URL, "events": ["late"]}],
            "notify.0.events.0 (environment): Input should be 'failed', 'recovered', 'stale', 'budget', 'quota', ",
        ),
        ([{"type": "slack", "url": URL, "events": []}], "notify.0 (environment): `events` is empty: nothing would be"),
        ([{"type": "command", "command": "say"}], "notify.0.command (environment): is not a list of words"),
        ([{"type": "slack", "url": URL, "color": "red"}], "notify.0.color (environment): unknown setting"),
        (
            [{"type": "slack", "url": URL, "events": ["failed"]}, {"type": "slack", "url": URL, "events": ["held"]}],
            "notify (environment): 1 repeats 0: put all `events` into one of them",
        ),
    ],
)
def test_what_is_refused(program: Program, notify: Any, reason: str) -> None:
    done = shown(program, CCUSAGE_IMPORT_NOTIFY=json.dumps(notify))

    assert (done.exit_code, json.loads(done.stdout)["exit_code"]) == (2, 2)
    assert done.stderr.splitlines()[0] == "ccusage-import: error: configuration: 1 value cannot be used"
    assert done.stderr.splitlines()[1].startswith(f"  {reason}")
    assert "T0P-SECRET" not in done.stderr + done.stdout

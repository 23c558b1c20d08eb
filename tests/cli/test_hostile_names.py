"""Names that break shells, SQL, JSON and terminals go in and come back unchanged, on both warehouses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import Place, Program

pytestmark = pytest.mark.usefixtures("engine_stays")

NAMES = [
    'it\'s "quoted" & `ticked`',
    "back\\slash\\",
    "new\nline\r\ttab",
    "nul\x00byte",
    "\N{PILE OF POO} über 项目",
    "x" * 10_000,
    "__proto__",
    "constructor",
    "'; DROP TABLE records; --",
    "{machine:String} {{}} %s {0}",
    "a/b",
    "a%2Fb",
    "\x1b[31mred\x1b[0m",
    " ",
]
USAGE: dict[str, Any] = {
    "inputTokens": 1, "outputTokens": 2, "cacheCreationTokens": 3, "cacheReadTokens": 4,
    "totalTokens": 10, "totalCost": 0.5,
}  # fmt: skip


def save(folder: Path) -> None:
    """Save projects and sessions under every name."""
    folder.mkdir()
    rows = {name: [{"date": "2025-09-01", **USAGE}] for name in NAMES}
    (folder / "projects.json").write_text(json.dumps({"projects": rows}))
    sessions = [
        {"sessionId": name, "projectPath": name, "lastActivity": "2025-09-01T10:00:00.000Z", **USAGE} for name in NAMES
    ]
    (folder / "session.json").write_text(json.dumps({"sessions": sessions}))


def test_names_in_clear_come_back_unchanged(program: Program, migrated: Place, tmp_path: Path) -> None:
    save(tmp_path / "saved")
    arguments = ("import", "--warehouse", migrated.url, "--from", tmp_path / "saved", "--no-hash-projects")

    done = program(*arguments)
    again = program(*arguments, "--json")

    assert (done.exit_code, done.stderr) == (0, "")
    assert "\x1b" not in done.stdout
    assert sorted(str(row[0]) for row in migrated.rows("SELECT project FROM projects_daily")) == sorted(NAMES)
    assert sorted(migrated.rows("SELECT project, session_id FROM sessions")) == sorted((name, name) for name in NAMES)
    for report in ("session", "projects"):
        assert json.loads(again.stdout)["reports"][report]["unchanged"] == len(NAMES)


@pytest.mark.usefixtures("own_warehouse")
def test_pseudonyms_turn_back_into_the_same_names(program: Program, tmp_path: Path) -> None:
    save(tmp_path / "saved")

    program("import", "--from", tmp_path / "saved")

    names = json.loads((program.home / ".local/share/ccusage-import/names.json").read_text())
    assert sorted(names.values()) == sorted(NAMES)


def test_a_model_of_any_name_is_stored(program: Program, migrated: Place, tmp_path: Path) -> None:
    (tmp_path / "saved").mkdir()
    parts = [{"modelName": name, "cost": 0.5, **{key: USAGE[key] for key in list(USAGE)[:4]}} for name in NAMES]
    count = len(NAMES)
    row = {"date": "2025-09-01", **{key: value * count for key, value in USAGE.items()}, "modelBreakdowns": parts}
    (tmp_path / "saved" / "daily.json").write_text(json.dumps({"daily": [row]}))

    assert program("import", "--warehouse", migrated.url, "--from", tmp_path / "saved").exit_code == 0

    assert sorted(str(row[0]) for row in migrated.rows("SELECT model FROM model_breakdowns")) == sorted(NAMES)

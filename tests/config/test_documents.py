"""Documents that are nested too deeply are damaged ones, wherever they come from."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccusage_import.ccusage.archive import read_note
from ccusage_import.config.layers import environment_settings
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.documents import parse_json, parse_toml
from ccusage_import.exceptions import NotAReportError
from ccusage_import.warehouse.unrecorded_loads import UnrecordedLoads
from tests.conftest import Program

BRACKETS = "[" * 100_000


@pytest.mark.parametrize("text", [BRACKETS, '{"a":' * 100_000, "[" * 101 + "]" * 101])
def test_json_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match="^nested more than 100 levels deep$"):
        parse_json(text)


@pytest.mark.parametrize("text", [f"a = {BRACKETS}", "a = " + "{a=" * 100_000, "a" + ".a" * 100_000 + " = 1"])
def test_toml_is_refused_with_a_reason(text: str) -> None:
    with pytest.raises(ValueError, match="^nested more than 100 levels deep$"):
        parse_toml(text)


def test_a_hundred_levels_are_read() -> None:
    deep = parse_json("[" * 100 + "]" * 100)
    for _ in range(99):
        [deep] = deep
    assert deep == []
    assert parse_toml("a.b = [[1]]") == {"a": {"b": [[1]]}}


def test_a_note_of_a_load_is_damaged(tmp_path: Path) -> None:
    with pytest.raises(NotAReportError, match=r"load\.json is damaged: nested more than 100 levels deep"):
        read_note(BRACKETS.encode(), tmp_path / "load.json")


def test_a_table_in_the_environment_is_left_as_it_is() -> None:
    assert environment_settings({"CCUSAGE_IMPORT_BUDGET": BRACKETS}) == {"budget": BRACKETS}


def test_a_failed_load_that_was_kept_is_passed_over(tmp_path: Path) -> None:
    (tmp_path / "loads").write_text(BRACKETS)
    kept = UnrecordedLoads(tmp_path / "loads", EmbeddedWarehouse(tmp_path / "warehouse"))
    assert kept.loads() == []


@pytest.mark.parametrize("name", ["a" + ".a" * 50_000, "budget.monthly"])
def test_config_set_leaves_a_damaged_file_alone(program: Program, tmp_path: Path, name: str) -> None:
    file = tmp_path / "config.toml"
    written = "" if name.startswith("a") else f"budget = {BRACKETS}"
    file.write_text(written)

    done = program("config", "set", name, "20", "--config", file)

    assert done.exit_code == 2
    assert done.stderr.splitlines()[0].endswith("nested more than 100 levels deep")
    assert file.read_text() == written


@pytest.mark.parametrize("file", ["config.toml", "identity.toml"])
def test_every_command_names_the_file(program: Program, file: str) -> None:
    directory = program.home / ".config" / "ccusage-import"
    directory.mkdir(parents=True)
    (directory / file).write_text(f"salt = {BRACKETS}")

    for command in ("import", "status", "config show"):
        done = program(*command.split())
        assert done.exit_code == 2
        error, hint = done.stderr.splitlines()
        assert error.endswith(f"{directory / file}: nested more than 100 levels deep")
        assert hint.startswith("hint: ")

"""The README is true: what it quotes of the program is what the program says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ccusage_import.config.settings import CLASSIC_ENVIRONMENT, Settings
from ccusage_import.exceptions import ExitCode
from ccusage_import.reconcile import Verdict
from ccusage_import.warehouse.migrations import sql_directory
from tests.conftest import Program

README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")


def table_after(heading: str) -> dict[str, str]:
    """Return the first column of the table below a heading, with the rest of each row."""
    section = README.partition(heading)[2].partition("\n\n|")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ", 1) for line in f"|{section}".splitlines()[2:]]
    return {row[0].strip("`"): row[1] for row in rows}


def test_the_help_text_is_the_program_s(program: Program) -> None:
    shown = program("import", "--help", COLUMNS="80").stdout

    quoted = re.search(r"\$ ccusage-import import --help\n(.*?)\n```", README, re.DOTALL)
    assert quoted is not None
    assert quoted[1].strip() == shown.strip()


def test_the_list_of_queries_begins_as_quoted(program: Program) -> None:
    quoted = re.search(r"\$ ccusage-import query --list \| head -4\n((?:.*\n){4})\$", README)
    assert quoted is not None
    assert program("query", "--list").stdout.startswith(quoted[1])


def test_every_command_is_in_the_table_and_nothing_else(program: Program) -> None:
    shown = program("--help", COLUMNS="80").stdout
    commands = set(re.findall(r"^  (\w+)  ", shown.partition("Commands:")[2], re.MULTILINE))

    named = {name for cell in table_after("## Commands") for name in re.findall(r"(?:^|`)([a-z]+)", cell)}
    assert named == commands


def test_every_exit_code_is_explained() -> None:
    assert set(table_after("Exit codes:")) == {str(int(code)) for code in ExitCode}


def test_every_setting_is_in_the_table_with_its_default() -> None:
    documented = table_after("## Configuration")

    assert list(documented) == list(Settings.model_fields)
    for name, setting in Settings.model_fields.items():
        assert documented[name].endswith(f" | {setting.description}"), name


@pytest.mark.parametrize("variable", ["CH_HOST", "CH_PORT", "CH_USER", "CH_DATABASE", *CLASSIC_ENVIRONMENT.values()])
def test_classic_variables_are_named(variable: str) -> None:
    assert f"`{variable}`" in README


def test_every_view_is_explained() -> None:
    assert set(table_after("## Asking")) == {file.stem for file in (sql_directory() / "views").glob("*.sql")}


def test_every_verdict_is_explained() -> None:
    rule = README.partition("## The rule")[2]
    for verdict in Verdict:
        assert f"| `{verdict}` |" in rule

"""The README and docs/ are true: what they quote of the program is what the program says."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from ccusage_import.config.settings import CLASSIC_ENVIRONMENT
from ccusage_import.exceptions import ExitCode
from ccusage_import.rule.verdicts import Verdict
from ccusage_import.warehouse.migrations import sql_directory
from tests.conftest import Program

ROOT = Path(__file__).parent.parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def docs(page: str) -> str:
    """Return a page of the documentation."""
    return (ROOT / "docs" / page).read_text("utf-8")


def table_after(heading: str, page: str | None = None) -> dict[str, str]:
    """Return the first column of the table below a heading, with the rest of each row."""
    section = (docs(page) if page else README).partition(heading)[2].partition("\n\n|")[2].partition("\n\n")[0]
    rows = [line.strip("| ").split(" | ", 1) for line in f"|{section}".splitlines()[2:]]
    return {row[0].strip("`"): row[1] for row in rows}


def test_the_list_of_queries_begins_as_quoted(program: Program) -> None:
    quoted = re.search(r"\$ ccusage-import query --list \| head -4\n((?:.*\n){4})\$", docs("querying.md"))
    assert quoted is not None
    assert program("query", "--list").stdout.startswith(quoted[1])


def test_every_command_is_in_the_table_and_nothing_else(program: Program) -> None:
    shown = program("--help", COLUMNS="80").stdout
    commands = set(re.findall(r"^  (\w+)  ", shown.partition("Commands:")[2], re.MULTILINE))

    named = {name for cell in table_after("## Commands") for name in re.findall(r"(?:^|`)([a-z]+)", cell)}
    assert named == commands


def test_no_summary_of_a_command_is_cut_at_80_columns(program: Program) -> None:
    commands = program("--help", COLUMNS="80").stdout.partition("Commands:")[2]

    assert [line for line in commands.splitlines() if line.endswith("...")] == []


def test_every_exit_code_is_explained() -> None:
    assert set(table_after("Exit codes:")) == {str(int(code)) for code in ExitCode}


@pytest.mark.parametrize("variable", ["CH_HOST", "CH_PORT", "CH_USER", "CH_DATABASE", *CLASSIC_ENVIRONMENT.values()])
def test_classic_variables_are_named(variable: str) -> None:
    assert f"`{variable}`" in docs("configuration.md")


def test_every_view_is_explained() -> None:
    section = docs("querying.md").partition("\n## Views\n")[2]
    assert sorted(re.findall(r"^\| `(\w+)` \|", section, re.MULTILINE)) == sorted(
        file.stem for file in (sql_directory() / "views").glob("*.sql")
    )


def test_every_verdict_is_explained() -> None:
    rule = README.partition("## The rule")[2]
    for verdict in Verdict:
        assert f"| `{verdict}` |" in rule


def test_the_readme_can_be_read_in_one_sitting() -> None:
    assert len(README.splitlines()) <= 200

"""What cannot be an argument is refused in words, and nothing is done."""

from __future__ import annotations

import pytest

from tests.conftest import Program

FORMATS = "'table', 'json', 'csv', 'parquet'"


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("changes", "--verdict", "lost"), "'--verdict': 'lost' is not one of 'new', 'grew', 'repriced', 'corrected',"),
        (("schedule", "install", "--scheduler", "at"), "'--scheduler': 'at' is not one of 'auto', 'launchd',"),
        (("chart", "yearly"), "'yearly' is not one of 'daily', 'weekly', 'monthly', 'hours',"),
        (("history", "--limit", "0"), "'--limit': Input should be greater than or equal to 1"),
    ],
)
def test_what_an_argument_may_be_is_said(program: Program, arguments: tuple[str, ...], why: str) -> None:
    done = program(*arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith(f"ccusage-import: error: {arguments[0]}")
    assert ": invalid value for '" in error
    assert why in error
    assert hint.startswith(f"hint: ccusage-import {arguments[0]}")
    assert "Value error" not in error
    assert list(program.home.iterdir()) == []


@pytest.mark.parametrize(
    ("typed", "error", "hint"),
    [
        ("--versions", "no such option: --versions (Possible options: --version)", "--help"),
        ("--verbose import", "import: --verbose: belongs behind the command", "import --help"),
        ("--config my.toml status", "status: --config: belongs behind the command", "status --help"),
        ("--month 2026-10 status", "no such option: --month", "--help"),
        ("imports", "no such command 'imports'. Did you mean 'import', 'report', 'export'?", "--help"),
        (
            "query --format jsno",
            f"query: invalid value for '--format': 'jsno' is not one of {FORMATS}. Did you mean 'json'?",
            "query --help",
        ),
        ("config frob", "config: no such command 'frob'", "config --help"),
        ("config show x", "config show: got unexpected extra argument(s) (x)", "config show --help"),
        ("query --format", "query: option '--format' requires an argument", "query --help"),
        ("rename machine", "rename machine: missing argument 'NEW'", "rename machine --help"),
    ],
)
def test_what_cannot_be_typed_is_an_error_like_any_other(program: Program, typed: str, error: str, hint: str) -> None:
    done = program(*typed.split())

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"ccusage-import: error: {error}\nhint: ccusage-import {hint}\n"


@pytest.mark.parametrize("group", ["", "config", "rename", "raw", "schedule"])
def test_a_list_of_commands_has_a_whole_sentence_on_each(program: Program, group: str) -> None:
    listed = program(*group.split(), "--help").stdout.partition("Commands:\n")[2].partition("\n\n")[0]

    sentences = [line for line in listed.splitlines() if line.strip()]
    assert len(sentences) >= 2
    assert [line for line in sentences if not line.endswith(".")] == []
    assert "..." not in listed


def test_a_group_without_a_command_shows_its_help(program: Program) -> None:
    done = program("config")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ccusage-import config [OPTIONS] COMMAND")


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (
            ("--since", "2026-11-20", "--until", "2026-11-10"),
            "--until 2026-11-10: ends before --since 2026-11-20 begins",
        ),
        (("--accept-lower", ".."), "--accept-lower ..: names no first day"),
        (("--accept-lower", "..2026-11-10"), "--accept-lower ..2026-11-10: names no first day"),
    ],
)
def test_days_of_an_import_that_cannot_be_are_refused(program: Program, arguments: tuple[str, ...], error: str) -> None:
    done = program("import", "--dry-run", *arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"ccusage-import: error: {error}"


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        (("import", "--from", ""), "--from"),
        (("import", "--claude-dir="), "--claude-dir"),
        (("import", "--ccusage", " "), "--ccusage"),
        (("import", "-q", "--since", ""), "--since"),
        (("status", "--config", ""), "--config"),
        (("config", "show", "--config", ""), "--config"),
        (("rename", "machine", "new", "--config="), "--config"),
    ],
)
def test_an_option_without_a_value_is_refused(program: Program, arguments: tuple[str, ...], option: str) -> None:
    done = program(*arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"ccusage-import: error: {arguments[0]}: invalid value for '{option}': is empty\n"
        f"hint: ccusage-import {arguments[0]} --help\n"
    )
    assert list(program.home.iterdir()) == []


def test_what_is_no_option_may_be_empty(program: Program) -> None:
    done = program("query", "--", "", "")

    assert "is empty" not in done.stderr


def test_a_directory_is_no_configuration(program: Program) -> None:
    done = program("status", "--config", "/tmp")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == "ccusage-import: error: config file /tmp: Is a directory\nhint: name a file\n"

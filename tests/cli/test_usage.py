"""What cannot be an argument is refused in words, and nothing is done."""

from __future__ import annotations

import pytest

from tests.conftest import Program


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
    assert f"Try 'ccusage-import {arguments[0]} " in done.stderr
    error = done.stderr.splitlines()[-1]
    assert error.startswith("Error: Invalid value for '")
    assert why in error
    assert "Value error" not in error
    assert list(program.home.iterdir()) == []

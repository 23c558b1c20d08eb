"""The tests that begin first are there."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conftest import LONGEST

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", LONGEST)
def test_what_takes_longest_is_there(name: str) -> None:
    file, _, function = name.partition("::")

    assert f"\ndef {function}" in (ROOT / file).read_text("utf-8")

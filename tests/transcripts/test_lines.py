"""What stands on one line, and what is wrong with it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ccusage_import.transcripts.lines import clean, is_too_deep, read_line, repeats_a_key


@pytest.mark.parametrize(
    ("line", "values", "is_strict", "problem"),
    [
        (b'{"a":1}\n', ({"a": 1},), True, ""),
        (b' {"a": [null]}', ({"a": [None]},), True, ""),
        (b"[1]", (), False, "not_object"),
        (b"7", (), False, "not_object"),
        (b"", (), False, "empty"),
        (b" \t\r\n", (), False, "empty"),
        (b'{"a":', (), False, "not_json"),
        (b'{"a":NaN}', (), False, "not_json"),
        (b'{"a":1e999}x', (), False, "not_json"),
        (b'{"a":1}{"b":2}', ({"a": 1}, {"b": 2}), False, "joined"),
        (b'{"a":1} \t\r\n {"b":2} ', ({"a": 1}, {"b": 2}), False, "joined"),
        (b'{"a":1} 7', ({"a": 1},), False, "joined"),
        (b"7 8", (), False, "joined"),
        (b'{"a":"\xff"}', ({"a": "\ufffd"},), False, "bad_text"),
        (b'"\xff"', (), False, "not_object"),
        (b"[" * 100_000, (), False, "not_json"),
    ],
)
def test_a_line_is_read_or_it_is_said_what_is_wrong(
    line: bytes, values: tuple[Any, ...], problem: str, *, is_strict: bool
) -> None:
    assert read_line(line) == (values, is_strict, problem)


@pytest.mark.parametrize(
    ("line", "repeats"),
    [
        ('{"a":1}', False),
        # Longer than it would be written, with as many keys as are read.
        ('{"a" : 1, "b": {"c":[{"d":2}, 5, [{"e":1}]]}}', False),
        ('{"a": 1, "a": 1}', True),
        ('{"a": 1, "b": {"c": 1, "c": 2}}', True),
        ('{"a": [1, {"c": 1, "c": 2}, {"d": 3}]}', True),
        # What looks like a key within a text is none.
        ('{"a": "\\":", "b": 1}', False),
        ('{"a": "x\\":y", "a": 1}', True),
        ('{"a": 1, "a": 2, "b": {"c": 3}}', True),
    ],
)
def test_an_object_that_has_a_key_twice_is_told_from_others(line: str, *, repeats: bool) -> None:
    assert repeats_a_key(line.encode(), json.loads(line)) is repeats


@pytest.mark.parametrize(
    ("text", "deep"),
    [
        ("[" * 127 + "]" * 127, False),
        ("[" * 128 + "]" * 128, True),
        ('{"a":' * 127 + "1" + "}" * 127, False),
        ('{"a":' * 127 + "{}" + "}" * 127, True),
        ("[" + ",".join(["[]"] * 200) + "]", False),
        ("[" * 126 + '1,"x",[[7]]' + "]" * 126, True),
    ],
)
def test_ccusage_follows_127_levels(text: str, *, deep: bool) -> None:
    assert is_too_deep(text.encode(), json.loads(text)) is deep


def test_a_text_is_cleaned_of_what_cannot_be_written() -> None:
    assert [clean("opus"), clean("größe"), clean("a\ud800b")] == ["opus", "größe", "a?b"]

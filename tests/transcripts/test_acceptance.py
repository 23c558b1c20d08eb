"""Which lines the pinned ccusage counts: by the rule of `daily` (1), by that of its other reports (2), by both (3)."""

from __future__ import annotations

import json
from typing import Any

import pytest

from ccusage_import.transcripts.acceptance import accepted_by, nested_accepted_by
from ccusage_import.transcripts.lines import read_line

USAGE: dict[str, Any] = {"input_tokens": 1, "output_tokens": 2}
MESSAGE: dict[str, Any] = {"id": "msg_1", "model": "opus", "usage": USAGE}
RECORD: dict[str, Any] = {
    "timestamp": "2026-05-01T10:00:00.000Z", "version": "2.0.14", "sessionId": "s", "requestId": "r",
    "message": MESSAGE,
}  # fmt: skip


def text_of(record: dict[str, Any]) -> str:
    return json.dumps(record, separators=(",", ":"))


def rules_of(line: str | bytes) -> int:
    line = line.encode() if isinstance(line, str) else line
    read = read_line(line)
    return accepted_by(line, read, read.values[0])


def of_record(**changes: Any) -> int:
    return rules_of(text_of({**RECORD, **changes}))


def of_message(**changes: Any) -> int:
    return of_record(message={**MESSAGE, **changes})


def of_usage(**changes: Any) -> int:
    return of_message(usage={**USAGE, **changes})


LINE = text_of(RECORD)
DEEP = "[" * 127 + "]" * 127


@pytest.mark.parametrize(
    ("line", "rules"),
    [
        (LINE, 3),
        (LINE.replace('"usage":{', '"usage": {'), 0),
        # A null that ccusage does not read says nothing.
        (LINE.replace('"id":', '"stop_reason":null,"id":'), 3),
        (LINE.replace('"id":', '"text":"null","id":'), 3),
        (LINE.replace('"usage":{', '"usage":{"speed":null,'), 0),
        (LINE.replace('"usage":{', '"usage":{"speed": null,'), 0),
        (LINE.replace('"usage":{', '"usage":{"speed" :null,'), 0),
        (LINE.replace('"id":', '"cwd":null,"id":'), 0),
        (LINE.replace('"id":', '"cwd": null,"id":'), 0),
        (LINE.replace('"id":', '"cwd" :null,"id":'), 0),
        (LINE.replace('"id":', '"cwd":  null,"id":'), 0),
        (LINE.replace('"id":', '"cwd":\tnull,"id":'), 0),
        (LINE.replace('"id":', '"cwd"\t:null,"id":'), 0),
        (LINE.replace('"id":', '"text":"a null","id":'), 3),
        (LINE.replace('"id":', '"stop_reason" : null,"id":'), 3),
        (LINE.replace('"id":', '"stop_reason":null,"cwd":null,"id":'), 0),
        (LINE.replace('"id":', '"a":null,"b":null,"isApiErrorMessage":null,"id":'), 0),
        # Models may be null within iterations alone.
        (LINE.replace('"usage":{', '"usage":{"iterations":[{"model":null},{"model":"opus"},7],'), 3),
        (LINE.replace('"usage":{', '"usage":{"iterations":[{"model":null},{"model":null}],'), 3),
        (LINE.replace('"usage":{', '"usage":{"iterations":[{"model":null,"id":null}],'), 0),
        # ccusage reads a name as it is written: an escaped one is null there, and makes up for no other.
        (LINE.replace('"usage":{', '"usage":{"iterations":[{"mod\\u0065l":null}],'), 3),
        (LINE.replace('"usage":{', '"usage":{"server":{"id":null},"iterations":[{"mod\\u0065l":null}],'), 0),
        (LINE.replace('"usage":{', '"usage":{"server":{"model":null},'), 0),
        (LINE.replace('"usage":{', '"usage":{"server":{"model":null},"iterations":[{"model":null}],'), 0),
        (LINE.replace('"usage":{', '"usage":{"server":{"model":null},"iterations":{"model":null},'), 0),
        (LINE.replace('"usage":{', '"usage":{"server":{"model":null},"iterations":[{"model":"opus"}],'), 0),
        # Bytes that are no text are read by those who look at single fields.
        (LINE.encode().replace(b'"id":', b'"text":"\xff","id":'), 2),
        (LINE.encode().replace(b'"id":', b'"stop_reason":null,"text":"\xff","id":'), 0),
        (LINE + LINE, 0),
        # A key that stands twice.
        (LINE.replace('"id":', '"slug":"a","slug":"b","id":'), 3),
        (LINE.replace('"id":', '"slug":"a","slug":"b","stop_reason":null,"id":'), 0),
        (LINE.replace('"requestId":', '"requestId":"q","requestId":'), 0),
        (LINE.replace('"id":', '"slug":"a","slug":"b","more":{"timestamp":1},"id":'), 0),
        # Values in more than 127 others.
        (LINE.replace('"id":', f'"deep":{DEEP[3:-3]},"id":'), 3),
        (LINE.replace('"id":', f'"deep":{DEEP},"id":'), 2),
        (LINE.replace('"id":', f'"deep":{DEEP},"stop_reason":null,"id":'), 0),
    ],
)
def test_a_line_is_read_by_one_rule_or_both(line: str | bytes, rules: int) -> None:
    assert rules_of(line) == rules


def test_a_message_needs_its_usage() -> None:
    assert of_record(message="said", told={"usage": {}}) == 0
    assert of_message(usage=[], told={"usage": {}}) == 0


@pytest.mark.parametrize(
    ("at", "rules"),
    [
        ("2026-05-01T10:00:00Z", 3),
        ("2026-12-31T23:59:59.999Z", 3),
        ("2026-05-01T10:00:00+02:00", 3),
        ("2026-05-01 10:00:00Z", 0),
        ("2026-05-01T10:00:00", 0),
        ("2026-13-01T10:00:00Z", 0),
        (1777629600, 0),
        (["2026-05-01T10:00:00Z"], 0),
    ],
)
def test_an_instant_is_written_in_one_way(at: object, rules: int) -> None:
    assert of_record(timestamp=at) == rules


@pytest.mark.parametrize(
    ("version", "rules"), [("2.0.14", 3), ("2.0.14-beta", 3), ("2.0", 0), ("v2.0.14", 0), ("", 0), (2, 0)]
)
def test_a_version_begins_with_three_numbers(version: object, rules: int) -> None:
    assert of_record(version=version) == rules


def test_what_is_not_named_is_counted_and_what_has_no_name_is_not() -> None:
    for name in ("version", "sessionId", "requestId"):
        assert rules_of(text_of({key: value for key, value in RECORD.items() if key != name})) == 3
    for name in ("id", "model"):
        assert of_record(message={key: value for key, value in MESSAGE.items() if key != name}) == 3
    for odd in ("", 7):
        assert {of_record(sessionId=odd), of_record(requestId=odd), of_message(id=odd), of_message(model=odd)} == {0}


@pytest.mark.parametrize(
    ("count", "rules"),
    [(0, 3), (18446744073709551615, 3), (18446744073709551616, 0), (-1, 0), (1.0, 0), (True, 0), ("1", 0)],
)
def test_a_count_is_a_whole_number_of_64_bits(count: object, rules: int) -> None:
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    assert [of_usage(**{name: count}) for name in names] == [rules] * 4


def test_tokens_of_the_cache_may_be_missing_and_no_others() -> None:
    assert [of_message(usage={name: 1}) for name in USAGE] == [0, 0]


@pytest.mark.parametrize(("speed", "rules"), [("fast", 3), ("standard", 3), ("slow", 0), ("", 0)])
def test_a_speed_is_one_of_two(speed: str, rules: int) -> None:
    assert of_usage(speed=speed) == rules


def of_nested(nested: dict[str, Any], **changes: Any) -> int:
    record = {"version": "2.0.14", "sessionId": "s", "data": {"message": nested}, **changes}
    line = text_of(record).encode()
    return nested_accepted_by(line, read_line(line), record, nested)


def test_what_a_parent_reports_counts_for_days_alone() -> None:
    nested = {name: RECORD[name] for name in ("timestamp", "requestId", "message")}
    assert of_nested(nested) == 1
    # The parent tells version and session.
    assert (of_nested(nested, version="2"), of_nested(nested, sessionId="")) == (0, 0)
    assert of_nested({**nested, "version": "2", "sessionId": ""}) == 1
    assert of_nested({**nested, "requestId": ""}) == 0
    assert of_nested(nested, deep=json.loads(DEEP)) == 0

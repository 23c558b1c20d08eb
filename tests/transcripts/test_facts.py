"""Ids, instants, and what two records of the same copy of a message say together."""

from __future__ import annotations

from copy import deepcopy
from dataclasses import astuple, is_dataclass
from decimal import Decimal
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import pytest

from ccusage_import import transcripts
from ccusage_import.transcripts.facts import Event as Happened
from ccusage_import.transcripts.facts import Facts, Message, ToolCall, Turn, Usage, instant, joined, number


def test_an_id_is_the_first_64_bits_of_its_digest() -> None:
    # printf abc | b2sum -l 64
    assert number("abc") == 0xD8BB14D833D59559


@pytest.mark.parametrize(
    ("text", "milliseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01t00:00:00.001z", 1),
        ("2026-05-01T10:00:00.250+02:00", 1777622400250),
        ("1969-12-31T23:59:59Z", None),
        ("2286-11-20T17:46:39Z", 9999999999000),
        ("2286-11-20T17:46:40Z", None),
        ("2026-05-01T10:00:00", None),
        ("2026-05-01T10:00:00.250", None),
        ("2026-05-01T10:00Z", None),
        # It names one, but not as Claude Code does.
        ("20260501T100000+0200", None),
        ("2026-13-01T10:00:00Z", None),
        (1777622400250, None),
        (None, None),
    ],
)
def test_an_instant_is_milliseconds_since_1970(text: object, milliseconds: int | None) -> None:
    assert instant(text) == milliseconds


def message(*times: int, tokens: int = 10, **changes: Any) -> Message:
    """A message whose records have these instants."""
    values: dict[str, Any] = {"is_sidechain": False, "is_nested": False, "accepted": 3, "speed": "", **changes}
    place = values.pop("place", (1, times[0]))
    return Message(
        message=1, request=2, counted_session=3, record=4, at=times[0], times=times, place=place,
        usage=Usage(0, tokens, 0, 0, 0), total_tokens=tokens, model="opus", **values,
    )  # fmt: skip


def test_a_copy_is_told_from_others_by_ids_session_and_kind() -> None:
    assert message(1).identity == (1, 2, 3, 3, 4)
    assert message(1, is_sidechain=True).identity == (1, 2, 3, 7, 4)
    assert message(1, is_nested=True).identity == (1, 2, 3, 11, 4)
    assert message(1, accepted=0).identity == (1, 2, 3, 0, 4)


def test_a_message_is_numbered_by_its_id_or_by_its_record() -> None:
    assert message(1).number == 1
    unnamed = message(1)
    unnamed.message = 0
    assert unnamed.number == 4


@pytest.mark.parametrize(
    ("larger", "smaller"),
    [
        ({}, {"is_sidechain": True, "tokens": 99}),
        ({"tokens": 11}, {"speed": "fast"}),
        ({"speed": "fast", "place": (2, 2)}, {"place": (1, 1)}),
        ({"place": (1, 9)}, {"place": (2, 1)}),
        ({"place": (1, 1)}, {"place": (1, 2)}),
    ],
)
def test_the_larger_copy_stays_and_of_equal_ones_the_first(larger: dict[str, Any], smaller: dict[str, Any]) -> None:
    assert message(1, **larger).rank > message(1, **smaller).rank


def both_ways(one: Message, other: Message) -> Message:
    """Return what two records say together, which is the same in either order."""
    found = joined(deepcopy(one), deepcopy(other))
    assert joined(deepcopy(other), deepcopy(one)) == found
    return found


COUNTS: dict[str, Any] = {"texts": 1, "thoughts": 20, "tool_uses": 300, "text_characters": 4000}
MORE: dict[str, Any] = {"texts": 2, "thoughts": 30, "tool_uses": 400, "text_characters": 5000}


def counts(found: Message) -> tuple[int, int, int, int]:
    return found.texts, found.thoughts, found.tool_uses, found.text_characters


def test_parts_of_several_records_add_up_and_those_of_the_same_do_not() -> None:
    assert counts(both_ways(message(5, **COUNTS), message(6, **MORE))) == (3, 50, 700, 9000)
    assert counts(both_ways(message(5, **COUNTS), message(5, **MORE, tokens=11))) == (2, 30, 400, 5000)
    assert counts(both_ways(message(5, **MORE), message(5, 6, **COUNTS, tokens=11))) == (2, 30, 400, 5000)


def test_the_largest_record_says_what_was_used_and_all_say_the_rest() -> None:
    first = message(5, version="2.0.1", stop_reason="end_turn", is_final=True)
    last = message(7, 6, tokens=11, version="2.0.2", turn=8)

    found = both_ways(first, last)

    assert (found.total_tokens, found.at, found.times) == (11, 7, (5, 6, 7))
    assert (found.is_final, found.stop_reason, found.turn, found.version) == (True, "end_turn", 8, "2.0.1")


def test_what_the_largest_says_itself_stays() -> None:
    first = message(5, stop_reason="tool_use", turn=7)
    last = message(6, tokens=11, version="2.0.2", stop_reason="end_turn", is_final=True, turn=8)

    found = both_ways(first, last)

    assert joined(message(5, turn=7), message(5, turn=8)).turn == 7
    # The first one does not tell its version.
    assert (found.stop_reason, found.is_final, found.turn, found.version) == ("end_turn", True, 8, "2.0.2")
    assert both_ways(message(5, version="1"), message(5, tokens=11, version="2")).version == "2"
    assert both_ways(message(5, 9, version="1"), message(7, tokens=11, version="2")).version == "1"
    assert both_ways(message(6, version="1"), message(7, 5, tokens=11, version="2")).version == "2"
    assert not both_ways(message(5), message(6)).is_final


@pytest.mark.parametrize(
    ("stored", "read", "taken_back", "load"),
    [
        # What was read just now is larger than what was taken back.
        ({"tokens": 10}, {"tokens": 11}, 0, 9),
        ({"tokens": 10}, {"tokens": 10, "place": (0, 0)}, 1, 9),
        ({"tokens": 11}, {"tokens": 10}, 1, 9),
        # Both are stored.
        ({"tokens": 10}, {"tokens": 11, "first_load_id": 8}, 1, 8),
    ],
)
def test_what_was_taken_back_stays_so_until_it_grows(
    stored: dict[str, Any], read: dict[str, Any], taken_back: int, load: int
) -> None:
    found = both_ways(message(5, taken_back=1, first_load_id=9, **stored), message(5, **read))
    assert (found.taken_back, found.first_load_id) == (taken_back, load)


def test_what_nobody_told_is_empty() -> None:
    told = message(1)
    assert astuple(told)[14:] == (
        None, "", "", False, "", "", "", "", "", "", 0, 0, 0, 0, 0, 0, 0, Decimal(0), True, 0, True, 0, 0, 0, None,
    )  # fmt: skip
    assert astuple(ToolCall(call=1)) == (
        1, None, None, "", "", "", "", 0, "", "", "", 0, 0, False, False, False, "", 0, 0, None, None, None, 0,
    )  # fmt: skip
    assert astuple(Turn(turn=1)) == (1, None, None, "", "", False, 0, "", "", "", "", "", "")
    assert astuple(Happened(event=1, kind="limit", at=2)) == (
        1, "limit", 2, "", "", "", "", 0, None, None, None, None,
    )  # fmt: skip
    assert Facts().lines == 0


def test_facts_take_little_memory() -> None:
    modules = [import_module(f"{transcripts.__name__}.{found.name}") for found in iter_modules(transcripts.__path__)]
    values: list[Any] = [value for module in modules for value in vars(module).values() if is_dataclass(value)]

    assert len(values) > 10
    assert [value for value in values if "__slots__" not in vars(value)] == []
    # Facts join others; what there is to read stays as it was found.
    assert {value.__name__ for value in values if value.__setattr__ is not object.__setattr__} >= {"Found", "Listing"}


def test_facts_that_were_read_later_join_those_before() -> None:
    facts, later = Facts(lines=3), Facts(lines=4)
    facts.bad_lines["half"], later.bad_lines["half"] = 1, 2
    facts.unknown["odd"], later.unknown["even"] = 1, 5
    facts.add(message(5, texts=1))
    facts.add(message(6, texts=1))
    later.add(message(7, texts=1, tokens=20))
    later.add(message(7, accepted=1))
    later.tool_calls.append(ToolCall(call=1))
    later.turns.append(Turn(turn=1))
    later.events.append(Happened(event=1, kind="limit", at=1))

    facts.add_all(later)

    assert [(one.times, one.texts, one.total_tokens) for one in facts.messages.values()] == [
        ((5, 6, 7), 3, 20),
        ((7,), 0, 10),
    ]
    assert (len(facts.tool_calls), len(facts.turns), len(facts.events)) == (1, 1, 1)
    assert (facts.lines, facts.bad_lines, facts.unknown) == (7, {"half": 3}, {"odd": 1, "even": 5})

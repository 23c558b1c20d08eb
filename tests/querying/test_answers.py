"""What named queries, views, a report and a calendar say of a whole fleet with weeks of work: as it was recorded.

Whether that is right is for the other tests, on data that fit a head; this one notices every condition, order, join and
bound that no longer does what it did.
"""

from __future__ import annotations

from pathlib import Path

from tests.support.answers import answers_of, filled, recorded

ANEW = "python -m tests.support.answers records them anew"


def test_all_answers_are_those_that_were_recorded(tmp_path: Path) -> None:
    with filled(tmp_path) as warehouse:
        answers = answers_of(warehouse)

    expected = recorded()
    assert {name: answers.get(name) for name in expected if answers.get(name) != expected[name]} == {}, ANEW
    assert list(answers) == list(expected), ANEW

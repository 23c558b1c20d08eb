"""What named queries, views, a report and a calendar say of a whole fleet with weeks of work: as it was recorded.

Whether that is right is for the other tests, on data that fit a head; this one notices every condition, order, join and
bound that no longer does what it did.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from ccusage_import.warehouse.clickhouse_client import ClickHouse
from tests.support.answers import answers_of, answers_of_views, filled, recorded

ANEW = "python -m tests.support.answers records them anew"


@pytest.fixture(scope="module")
def warehouse(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClickHouse]:
    with filled(tmp_path_factory.mktemp("fleet")) as warehouse:
        yield warehouse


def test_all_answers_are_those_that_were_recorded(warehouse: ClickHouse) -> None:
    answers = answers_of(warehouse)

    expected = recorded()
    assert {name: answers.get(name) for name in expected if answers.get(name) != expected[name]} == {}, ANEW
    assert list(answers) == list(expected), ANEW


def test_views_answer_the_same_whatever_their_reader_has_set(warehouse: ClickHouse) -> None:
    """Tools that want standard SQL set these, and a profile may set them for everybody."""
    answers = answers_of_views(
        warehouse, {"join_use_nulls": 1, "aggregate_functions_null_for_empty": 1, "prefer_column_name_to_alias": 1}
    )

    expected = {name: answer for name, answer in recorded().items() if name.startswith("view: ")}
    assert {name: answer for name, answer in answers.items() if answer != expected[name]} == {}
    assert list(answers) == list(expected)

"""Which prices count for usage that is stored: worked out by hand with the weights 1, 5, 1.25 and 0.1."""

from __future__ import annotations

from datetime import UTC, date, datetime
from decimal import Decimal

import pytest

from ccusage_import.records import ModelUsage, Provenance, Record
from ccusage_import.rule.groups import Pair
from ccusage_import.rule.pricing import (
    is_older,
    is_price_lost,
    joined,
    lose_a_price,
    taken_over,
    with_kept_prices,
)

NOW = Provenance("20.0.24", "UTC", "auto", ("d1",))
Classes = tuple[int, int, int, int]
# Weighs 10 + 50 + 10 + 10.
USED = (10, 10, 8, 100)


def day(classes: Classes, cost: str, *models: ModelUsage, unpriced: bool = False) -> Record:
    return Record(
        "daily", "studio", "claude", "2026-05-01", date(2026, 5, 1), *classes, sum(classes), Decimal(cost),
        unpriced=unpriced, provenance=NOW, models=models,
    )  # fmt: skip


def model(name: str, cost: str, classes: Classes = (100, 0, 0, 0), *, unpriced: bool = False) -> ModelUsage:
    return ModelUsage(name, *classes, Decimal(cost), unpriced=unpriced)


@pytest.mark.parametrize(
    ("classes", "cost", "frozen", "kept"),
    [
        # Of the offered price, 8 dollars are of what is stored: that is the price it has.
        ((10, 20, 8, 100), "13", False, "13"),
        ((10, 20, 8, 100), "13", True, "13"),
        # The same price within two parts of a hundred, and not beyond.
        ((10, 20, 8, 100), "12.74", True, "12.74"),
        ((10, 20, 8, 100), "12.61", True, "12.85"),
        ((10, 20, 8, 100), "12.61", False, "12.85"),
        ((10, 20, 8, 100), "12.74", False, "12.74"),
        ((10, 20, 8, 100), "13.26", True, "13.26"),
        ((10, 20, 8, 100), "13.39", True, "13.15"),
        # Half the price: what is stored keeps the old one, 10 tokens of output cost 2.5.
        ((10, 20, 8, 100), "6.5", False, "10.5"),
        # Twice the price is believed, unless prices are frozen.
        ((10, 20, 8, 100), "26", False, "26"),
        ((10, 20, 8, 100), "26", True, "18"),
        # Each class grows by what weighs 80.
        ((90, 10, 8, 100), "8", False, "12"),
        ((10, 26, 8, 100), "8", False, "12"),
        ((10, 10, 72, 100), "8", False, "12"),
        ((10, 10, 8, 900), "8", False, "12"),
        # What shrank in one class takes nothing from what grew in another.
        ((0, 27, 8, 100), "15.5", False, "16.5"),
    ],
)
def test_stored_usage_keeps_its_price(classes: Classes, cost: str, *, frozen: bool, kept: str) -> None:
    found = with_kept_prices(day(USED, "8"), day(classes, cost), are_frozen=frozen)
    assert found.cost_usd == Decimal(kept)


def test_models_keep_their_prices_one_by_one() -> None:
    stored = day((200, 0, 0, 0), "4.5", model("opus", "3"), model("haiku", "1"))
    offered = day(
        (500, 0, 0, 0),
        "4.2",
        model("opus", "2", (200, 0, 0, 0)),
        model("haiku", "2", (200, 0, 0, 0)),
        model("new", "0.1"),
    )

    found = with_kept_prices(stored, offered, are_frozen=False)

    assert {one.model: one.cost_usd for one in found.models} == {
        "opus": Decimal(4), "haiku": Decimal(2), "new": Decimal("0.1"),
    }  # fmt: skip
    # What no model tells of cost 0.5 and 0.1: the larger one stays.
    assert found.cost_usd == Decimal("6.6")
    assert [one.model for one in found.models] == ["opus", "haiku", "new"]
    assert not found.unpriced


@pytest.mark.parametrize(
    ("cost", "frozen", "kept"), [("7.99", False, "8"), ("8.01", False, "8.01"), ("8.01", True, "8")]
)
def test_what_did_not_grow_keeps_its_price_to_the_cent(cost: str, *, frozen: bool, kept: str) -> None:
    stored = day(USED, "8", model("opus", "8", USED))
    offered = day(USED, cost, model("opus", cost, USED), model("new", "1"))

    found = with_kept_prices(stored, offered, are_frozen=frozen)

    assert found.models[0] == model("opus", kept, USED)


def test_one_model_without_a_price_leaves_the_sum_without_one() -> None:
    stored = day((100, 0, 0, 0), "1", model("opus", "1"))
    offered = day((300, 0, 0, 0), "2", model("opus", "2", (200, 0, 0, 0)), model("new", "0", unpriced=True))

    assert with_kept_prices(stored, offered, are_frozen=False).unpriced


def test_a_model_that_cost_something_without_tokens_has_no_price_to_keep() -> None:
    stored = day((0, 0, 0, 0), "5", model("opus", "5", (0, 0, 0, 0)))
    offered = day((100, 0, 0, 0), "1", model("opus", "1"))

    assert with_kept_prices(stored, offered, are_frozen=True).cost_usd == 1


@pytest.mark.parametrize("stored_tells", [False, True])
def test_where_one_side_tells_no_models_the_row_counts(*, stored_tells: bool) -> None:
    models = (model("opus", "1"),)
    stored = day((100, 0, 0, 0), "1", *(models if stored_tells else ()))
    offered = day((200, 0, 0, 0), "1", *(() if stored_tells else models))

    assert with_kept_prices(stored, offered, are_frozen=False).cost_usd == Decimal("1.5")


@pytest.mark.parametrize(
    ("models", "cost", "kept"),
    [
        # Half of it is new, and by its tokens cost as much as the other half.
        (("opus",), "3", "2.5"),
        (("haiku", "opus"), "3", "3"),
        (("haiku", "opus"), "1", "1"),
        # Less than what is stored: that keeps its price.
        (("haiku", "opus"), "0.8", "1.4"),
    ],
)
def test_a_block_of_several_models_does_not_tell_what_each_costs(models: tuple[str, ...], cost: str, kept: str) -> None:
    ends_at = datetime(2026, 5, 1, 14, tzinfo=UTC)
    stored = day((100, 0, 0, 0), "1")._replace(block_ends_at=ends_at, models_used=models[-1:])
    offered = day((200, 0, 0, 0), cost)._replace(block_ends_at=ends_at, models_used=models)

    assert with_kept_prices(stored, offered, are_frozen=True).cost_usd == Decimal(kept)


@pytest.mark.parametrize(
    ("stored", "offered", "lost"),
    [
        (model("opus", "2"), model("opus", "1"), False),
        (model("opus", "2"), model("opus", "1", unpriced=True), True),
        (model("opus", "2"), model("opus", "2", unpriced=True), False),
        (model("opus", "2"), model("haiku", "1", unpriced=True), False),
        # As in the mode `display`, for messages that name no cost.
        (model("opus", "2"), model("opus", "0"), True),
        (model("opus", "0"), model("opus", "0"), False),
        (model("opus", "2"), model("opus", "0", (0, 0, 0, 0)), False),
    ],
)
def test_a_price_is_lost_where_a_model_had_one(stored: ModelUsage, offered: ModelUsage, *, lost: bool) -> None:
    assert is_price_lost(day(USED, "2", stored), day(USED, "2", offered, unpriced=offered.unpriced)) is lost


def test_a_price_is_lost_where_no_model_is_told() -> None:
    assert is_price_lost(day(USED, "2"), day(USED, "1", unpriced=True))
    assert is_price_lost(day(USED, "2"), day(USED, "0"))
    assert not is_price_lost(day(USED, "2"), day(USED, "2", unpriced=True))
    assert not is_price_lost(day(USED, "2"), day(USED, "1"))
    assert is_price_lost(day(USED, "2", model("opus", "2")), day(USED, "1", unpriced=True))
    assert is_price_lost(day(USED, "2", unpriced=True), day(USED, "1", unpriced=True))
    # It had none for a part, and its models show for which.
    assert not is_price_lost(day(USED, "2", model("opus", "2"), unpriced=True), day(USED, "1", unpriced=True))


def test_usage_that_moves_loses_a_price_with_its_model() -> None:
    there = [day(USED, "2", model("opus", "2"))]
    assert lose_a_price(there, [day(USED, "0", model("opus", "0", unpriced=True), unpriced=True)])
    assert not lose_a_price(there, [day(USED, "0", model("haiku", "0", unpriced=True), unpriced=True)])
    assert not lose_a_price(there, [day(USED, "1", model("opus", "1"))])
    other = model("haiku", "0", unpriced=True)
    assert not lose_a_price(there, [day(USED, "1", model("opus", "1"), other, unpriced=True)])
    assert lose_a_price(there, [day(USED, "0", unpriced=True)])
    assert lose_a_price([*there, day(USED, "0")], [day(USED, "0", unpriced=True)])
    assert not lose_a_price([day(USED, "2", unpriced=True)], [day(USED, "0", unpriced=True)])


@pytest.mark.parametrize(
    ("version", "than", "older"),
    [
        ("20.0.23", "20.0.24", True),
        ("20.0.24", "20.0.24", False),
        ("20.0.9", "20.0.24", True),
        ("20.1.0", "20.0.24", False),
        ("20.0.x", "20.0.24", True),
        ("", "20.0.24", False),
        ("20.0.24", "", False),
    ],
)
def test_versions_are_compared_by_their_numbers(version: str, than: str, *, older: bool) -> None:
    assert is_older(version, than) is older


def of_project(name: str, tokens: int, cost: str, *models: ModelUsage, version: str = "20.0.24") -> Record:
    record = day((tokens, 0, 0, 0), cost, *models)
    read_with = NOW._replace(ccusage_version=version)
    return record._replace(report="projects", key=f"2026-05-01/{name}", project=name, provenance=read_with)


def over(*pairs: Pair) -> dict[str, str]:
    """The projects that go on with others: what these are called."""
    return {key[2][11:]: " ".join(one.project for one in found) for key, found in taken_over(pairs).items()}


def test_what_has_a_new_name_goes_on_with_what_had_the_old_one() -> None:
    shop, fair = Pair(of_project("shop", 100, "2"), None), Pair(of_project("fair", 50, "3"), None)
    store, mall = of_project("store", 120, "1"), of_project("mall", 50, "1")

    assert over(shop, Pair(None, store)) == {"store": "shop"}
    # It took the name of another one, or two took the same.
    assert over(shop, Pair(of_project("store", 20, "1"), store)) == {"store": "store shop"}
    assert over(shop, fair, Pair(None, of_project("store", 150, "1"))) == {"store": "shop fair"}
    # Of several, only what has exactly the tokens that it had.
    assert over(shop, fair, Pair(None, store), Pair(None, mall)) == {"mall": "fair"}
    # Less than it had; another day; and what is still offered under its own name.
    assert over(shop, Pair(None, of_project("store", 99, "1"))) == {}
    assert over(shop, Pair(None, store._replace(day=date(2026, 5, 2)))) == {}
    assert over(Pair(shop.stored, shop.stored), Pair(None, store)) == {}


def test_what_goes_on_with_others_has_the_price_of_each_model_and_the_newest_version() -> None:
    shop = of_project("shop", 30, "3", model("opus", "2", (20, 0, 0, 0)), model("haiku", "1", (10, 0, 0, 0)))
    store = of_project("store", 5, "7", model("opus", "7", (5, 0, 0, 0), unpriced=True), version="20.0.9")

    found = joined([store, shop])

    assert (found.input_tokens, found.cost_usd, found.provenance.ccusage_version) == (35, Decimal(10), "20.0.24")
    assert found.models == (model("opus", "9", (25, 0, 0, 0), unpriced=True), model("haiku", "1", (10, 0, 0, 0)))
    assert joined([store._replace(models=()), shop]).models == ()

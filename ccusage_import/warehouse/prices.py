"""Prices in the warehouse: which models of an import have none yet, and a new row for each price that changed."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

from ccusage_import.records import ModelPrice, PricedModel, Record, ReportName
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question

_COLUMNS = ("ccusage_version", "load_id", "is_offline", *ModelPrice._fields)
# An aggregate function passes over NULL, hence the tuple.
_NEWEST = f"argMax(({', '.join(ModelPrice._fields[2:])}), load_id)"
MODELS_WITH_PRICE = Question("SELECT DISTINCT agent, model, ccusage_version FROM price_list")


def priced_models(records: Iterable[Record]) -> set[PricedModel]:
    """Return the models of days that cost something; what ccusage shows for several models together is not a model."""
    return {
        (record.agent, part.model)
        for record in records
        if record.report == ReportName.DAILY
        for part in record.models
        if not part.unpriced and any(part.tokens)
    }


def models_without_price(
    warehouse: ClickHouse, ccusage_version: str, offered: set[PricedModel], stored: set[PricedModel]
) -> set[PricedModel]:
    """Return the offered models without a price of this ccusage, and the stored ones without any."""
    rows = warehouse.rows(*MODELS_WITH_PRICE)
    known = {(agent, model) for agent, model, version in rows if version == ccusage_version}
    return (offered - known) | (stored - {(agent, model) for agent, model, _ in rows})


def write_prices(
    warehouse: ClickHouse, load_id: int, ccusage_version: str, prices: Sequence[ModelPrice], *, is_offline: bool
) -> None:
    """Write the prices that differ from the newest ones of the same ccusage."""
    if not prices:
        return
    rows = warehouse.rows(
        f"SELECT agent, model, {_NEWEST} FROM price_list"  # noqa: S608 - column names of ours
        " WHERE ccusage_version = {version:String} GROUP BY agent, model",
        {"version": ccusage_version},
    )
    known = {ModelPrice(agent, model, *usd) for agent, model, usd in rows}
    changed = [price for price in prices if price not in known]
    if changed:
        digest = hashlib.sha256(repr(changed).encode()).hexdigest()[:16]
        written = [(ccusage_version, load_id, is_offline, *price) for price in changed]
        warehouse.insert("price_list", _COLUMNS, written, token=f"prices/{load_id}/{digest}")


def read_prices(warehouse: ClickHouse, agent: str, ccusage_version: str) -> dict[str, ModelPrice]:
    """Return the newest prices of an agent's models that one ccusage gave, or any where no version is named."""
    rows = warehouse.rows(*prices_question(agent, ccusage_version))
    return {model: ModelPrice(agent, model, *usd) for model, usd in rows}


def prices_question(agent: str, ccusage_version: str) -> Question:
    """Return what `read_prices` asks."""
    return Question(
        f"SELECT model, {_NEWEST} FROM price_list"  # noqa: S608 - column names of ours
        " WHERE agent = {agent:String} AND ({version:String} = '' OR ccusage_version = {version:String})"
        " GROUP BY model",
        {"agent": agent, "version": ccusage_version},
    )


def push_prices(source: ClickHouse, target: ClickHouse) -> None:
    """Copy the prices that the target lacks."""
    sql = f"SELECT {', '.join(_COLUMNS)} FROM price_list FINAL"  # noqa: S608 - column names of ours
    known = {tuple(row) for row in target.rows(sql)}
    missing = sorted((tuple(row) for row in source.rows(sql) if tuple(row) not in known), key=repr)
    if missing:
        digest = hashlib.sha256(repr(missing).encode()).hexdigest()[:16]
        target.insert("price_list", _COLUMNS, missing, token=f"prices/push/{digest}")

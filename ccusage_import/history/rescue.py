"""What can be done about a damaged warehouse: put back what is whole again, or go on with what is left."""

from __future__ import annotations

import re
import shutil
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import DamagedWarehouseError, QueryError
from ccusage_import.files import make_private_directory
from ccusage_import.history.rename_machine import move_records
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.committing import settle_dead_loads
from ccusage_import.warehouse.integrity import NOTHING, contents, detached_parts, find_damage, unreadable_parts
from ccusage_import.warehouse.machines import read_claim
from ccusage_import.warehouse.migrations import apply_migrations, refuse_pending
from ccusage_import.warehouse.opening import cursor_file, demand_warehouse, known_warehouses, open_unchecked, remember
from ccusage_import.warehouse.publish import begin, publish
from ccusage_import.warehouse.tables import RUNNER_OF_CHANGES, Load, last_of, read_loads

_PART = re.compile(r"all_\d+_\d+_\d+(_\d+)?$")


@dataclass(slots=True)
class Repaired:
    """What was done: parts put back, parts that could not be and why, where others are now, and new loads."""

    attached: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    moved: list[str] = field(default_factory=list)
    loads: list[Load] = field(default_factory=list)


def put_back(configuration: Configuration, *, accepts_loss: bool) -> Repaired:
    """Put back what is whole again; where it may, go on with what is left. The caller holds the import lock.

    Raises:
        DamagedWarehouseError: rows are still missing.
        ConfigurationError: there is no warehouse.
    """
    place, known = configuration.settings.parsed_warehouse(), known_warehouses(configuration)
    repaired = Repaired()
    try:
        demand_warehouse(configuration, "repair")
    except DamagedWarehouseError:
        if not accepts_loss:
            raise
        known.keep(place, None)
        return repaired
    with open_unchecked(configuration) as opened:
        _attach(opened, repaired)
        if accepts_loss:
            _accept_loss(opened, repaired)
            if opened.is_embedded:
                apply_migrations(opened)
            else:
                refuse_pending(opened)
            _write_loads_after_loss(opened, find_damage(opened, None).machines, repaired)
            remember(configuration, opened, forgets=True)
            # Facts that were lost are read again, as far as their transcripts are still there.
            cursor_file(configuration).unlink(missing_ok=True)
        damage = find_damage(opened, known.of(place))
    if damage.lines:
        error = damage.error(place)
        error.details = (*error.details, *repaired.refused)
        raise error
    return repaired


def _attach(warehouse: ClickHouse, repaired: Repaired) -> None:
    """Put back the parts of an embedded warehouse that the engine set aside, as far as their files are whole again."""
    for part in detached_parts(warehouse) if warehouse.is_embedded else []:
        aside, found = Path(part.path), _PART.search(part.name)
        # The engine attaches no part whose name says that it was damaged.
        plain = aside.with_name(found[0] if found else part.name)
        if plain != aside and plain.exists():
            repaired.refused.append(f"{part.table}: {plain} is in the way")
            continue
        aside.rename(plain)
        try:
            warehouse.command(f"ALTER TABLE `{part.table}` ATTACH PART '{plain.name}'")
        except (QueryError, DamagedWarehouseError) as error:
            plain.rename(aside)
            repaired.refused.append(f"{part.table}: {part.name}: {error}")
        else:
            repaired.attached.append(f"{part.table}: {plain.name}")


def _accept_loss(warehouse: ClickHouse, repaired: Repaired) -> None:
    """Move what is damaged out of an embedded warehouse; nothing of it is deleted."""
    if not isinstance(warehouse.warehouse, EmbeddedWarehouse):
        return
    path = warehouse.warehouse.path
    away = path.with_name(f"{path.name}.damaged-{datetime.now(UTC):%Y%m%d-%H%M%S}")
    for table, name in unreadable_parts(warehouse):
        warehouse.command(f"ALTER TABLE `{table}` DETACH PART '{name}'")
    for part in detached_parts(warehouse):
        target = away / part.table / part.name
        make_private_directory(target.parent)
        shutil.move(part.path, target)
        repaired.moved.append(str(target))


def _write_loads_after_loss(warehouse: ClickHouse, machines: Iterable[str], repaired: Repaired) -> None:
    """Write a load for each machine that lost records, so that what is left is what is expected from now on.

    Where the rows are lost that gave a machine another name, its records are given it again: under the one that it had
    before, a server that has them again has lost nothing.
    """
    lost = {_name_now(warehouse, machine) for machine in machines}
    there = {machine: _name_now(warehouse, machine) for machine in {*machines, *contents(warehouse)}}
    names = {machine: name for machine, name in there.items() if name in lost}
    for machine in names:
        settle_dead_loads(warehouse, machine)
    for name in sorted(set(names.values())):
        last = last_of(read_loads(warehouse, machine=name))
        load = begin(warehouse, last, RUNNER_OF_CHANGES)
        for old in sorted(machine for machine, now in names.items() if name == now != machine):
            move_records(warehouse, old, name, load.load_id)
        _, left = contents(warehouse).get(name, (0, NOTHING))
        load.tokens_before, load.cost_before_usd = last.tokens_after, last.cost_after_usd
        load.tokens_after, load.cost_after_usd = left.tokens, left.cost_usd
        load.warnings = ("records were lost, and a person chose to go on without them",)
        publish(warehouse, load, ())
        repaired.loads.append(load)


def _name_now(warehouse: ClickHouse, machine: str) -> str:
    """Return the name that a machine has now, which may have given back this one, and others since."""
    claim = read_claim(warehouse, machine)
    return _name_now(warehouse, claim.renamed_to) if claim.renamed_to and not claim.owner else machine

"""How people name a load: by its id, by as much of it as no other load begins with, or as the last one."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import pairwise, takewhile

from ccusage_import.config.kept.identity import called
from ccusage_import.exceptions import AuditError
from ccusage_import.warehouse.clickhouse_client import ClickHouse

LAST = "last"
SHORTEST = 6
SHOWN_MATCHES = 5
_IDS = "SELECT DISTINCT load_id FROM loads FINAL WHERE state != 'renamed'"


def short_ids(ids: Iterable[int]) -> dict[int, str]:
    """Return as much of each id as no other one begins with, and never less than six digits."""
    ordered = sorted(map(str, ids))
    shared = [0, *map(_shared_digits, pairwise(ordered)), 0]
    return {
        int(text): text[: max(SHORTEST, before + 1, after + 1)]
        for text, (before, after) in zip(ordered, pairwise(shared), strict=False)
    }


def _shared_digits(pair: tuple[str, str]) -> int:
    return sum(1 for _ in takewhile(lambda digits: digits[0] == digits[1], zip(*pair, strict=False)))


def stored_ids(warehouse: ClickHouse) -> set[int]:
    """Return the ids of all loads, of every machine."""
    return {int(load_id) for (load_id,) in warehouse.rows(_IDS)}


def find_load(warehouse: ClickHouse, name: str, machine: str) -> int:
    """Return the id of the load that is named; `last` is the newest one of a machine.

    Raises:
        AuditError: there is none, or there are several.
    """
    if name == LAST:
        rows = warehouse.rows(f"{_IDS} AND machine = {{machine:String}}", {"machine": machine})
        if not rows:
            raise AuditError(f"there is no load of {called(machine)}", hint="ccusage-import history lists all loads")
        return match_load(name, (int(load_id) for (load_id,) in rows))
    return match_load(name, stored_ids(warehouse))


def match_load(name: str, ids: Iterable[int]) -> int:
    """Return which of the ids is named; `last` is the newest of them.

    Raises:
        AuditError: there is none, or there are several.
    """
    known = sorted(ids)
    if name == LAST and known:
        return known[-1]
    found = [load_id for load_id in known if name and str(load_id).startswith(name)]
    if not found:
        raise AuditError(f"there is no load {name}", hint="ccusage-import history lists the loads")
    if len(found) > 1 and name != str(found[0]):
        shown = ", ".join(map(str, found[-SHOWN_MATCHES:]))
        more = f" and {len(found) - SHOWN_MATCHES} more" if len(found) > SHOWN_MATCHES else ""
        raise AuditError(f"load {name}: {len(found)} loads begin with it: {shown}{more}", hint="give more digits of it")
    return found[0]

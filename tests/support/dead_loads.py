"""Loads as a kill leaves them."""

from __future__ import annotations

from tests.conftest import Place, Program


def leave_in_state(place: Place, load_id: object, state: str) -> None:
    """Give a load an earlier state again, as a kill before its last row leaves it."""
    with place.opened() as opened:
        opened.command(
            "INSERT INTO loads SELECT * REPLACE (revision + 1 AS revision, {state:String} AS state) FROM loads FINAL"
            " WHERE load_id = {load:UInt64}",
            {"state": state, "load": load_id},
        )


def fail_with_names_in_clear(place: Place) -> None:
    """Add a failed load, the newest one, of an import that was to store names in clear."""
    with place.opened() as opened:
        opened.command(
            "INSERT INTO loads SELECT * REPLACE (load_id + 1 AS load_id, 'failed' AS state, '' AS naming)"
            " FROM loads FINAL ORDER BY load_id DESC LIMIT 1"
        )


def kill_before_its_end(program: Program, place: Place) -> int:
    """Leave the newest load as a kill between its last INSERT and its own row does; return its id."""
    load = int(str(place.rows("SELECT max(load_id) FROM loads")[0][0]))
    leave_in_state(place, load, "running")
    for known in program.home.rglob("warehouses.json"):
        known.unlink()
    return load

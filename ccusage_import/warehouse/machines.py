"""Whose name a machine's is. An installation claims it once; of two claims the earlier one owns the name.

A machine that is renamed says so of its old name before anything is moved, and gives that name back at the end.
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import MachineTakenError, OtherNameError, WarehouseError
from ccusage_import.records import Record, counted
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question

# A replica that lags shows a claim a little later than the one that took it.
SEEN_WITHIN_SECONDS = 10.0
POLL_SECONDS = 0.2
# How a demo names its machine and its directory.
DEMO = "demo"


@dataclass(frozen=True, slots=True)
class Claim:
    """Who owns a name, None if nobody does, and the new name of a machine that is renamed or gave this one back."""

    owner: str | None = None
    renamed_to: str | None = None

    @property
    def becomes(self) -> str | None:
        """Its new name, while its renaming has begun and is not finished."""
        return self.renamed_to if self.owner else None


def claim_machine(warehouse: ClickHouse, machine: str, installation: str, *, only_looks: bool = False) -> None:
    """Make sure that a machine's name belongs to an installation, as `own_name` does, and is not being changed.

    Raises:
        MachineTakenError: it belongs to another installation. Nothing was changed but for the claim that lost.
        OtherNameError: it is being renamed, which must be finished first.
    """
    claim = read_claim(warehouse, machine)
    if installation and claim.owner == installation and claim.becomes:
        raise OtherNameError(
            f"machine {machine!r}: it is being renamed to {claim.becomes!r} in {warehouse.warehouse}",
            hint=f"finish that: {rename_command(claim.becomes)}",
        )
    _own(warehouse, machine, installation, claim.owner, only_looks=only_looks)


def own_name(warehouse: ClickHouse, machine: str, installation: str, *, only_looks: bool = False) -> None:
    """Make sure that a machine's name belongs to an installation; a name that is nobody's is claimed for it.

    Args:
        warehouse: where.
        machine: the name.
        installation: of this program; one that has no identity yet is empty, is let in and claims nothing.
        only_looks: claims nothing either.

    Raises:
        MachineTakenError: it belongs to another installation. Nothing was changed but for the claim that lost.
    """
    if installation:
        _own(warehouse, machine, installation, read_claim(warehouse, machine).owner, only_looks=only_looks)


def _own(warehouse: ClickHouse, machine: str, installation: str, owner: str | None, *, only_looks: bool) -> None:
    """Refuse the name of another owner, and claim one that is nobody's."""
    if not installation:
        return
    if not owner:
        owner = _last_loader(warehouse, machine) or installation
        if owner == installation and not only_looks:
            owner = _claimed(warehouse, machine, installation)
    if owner != installation:
        taken = f"machine {machine!r} is the name of another installation in {warehouse.warehouse}"
        if _is_demo(warehouse, machine):
            raise MachineTakenError(taken, hint="the demo can only be read; leave out --config and --warehouse")
        raise MachineTakenError(
            taken,
            hint=f"choose another name: {rename_command('NAME')}; or, if that installation is gone, take over its"
            f' history: put installation = "{owner}", and its salt, into identity.toml, beside the configuration file',
        )


def _is_demo(warehouse: ClickHouse, machine: str) -> bool:
    """Return whether this is the warehouse that a demo left: its installation ended with it."""
    place = warehouse.warehouse
    return machine == DEMO and isinstance(place, EmbeddedWarehouse) and place.path.parts[-2:] == (DEMO, "warehouse")


def rename_command(machine: str) -> str:
    """Return what to type to rename this machine."""
    return f"ccusage-import rename machine {shlex.quote(machine)}"


def refuse_other_name(warehouse: ClickHouse, machine: str, installation: str) -> None:
    """Refuse a name under which all usage of an installation would be stored a second time.

    Raises:
        OtherNameError: this installation has a history, and none of it is under this name.
    """
    names = names_of(warehouse, installation)
    if names and machine not in names:
        kept = shlex.quote(names[0])
        raise OtherNameError(
            f"machine {machine!r}: this installation has its history in {warehouse.warehouse} as {names[0]!r};"
            " a second name would count everything twice",
            hint=f"keep the name: --machine {kept}, or for good: ccusage-import config set machine {kept};"
            f" or rename what is stored: {rename_command(machine)}",
        )


def warn_of_twins(warehouse: ClickHouse, machine: str, offered: Iterable[Record]) -> tuple[str, ...]:
    """Return a warning of each machine that has as many tokens on most of the days that are offered of a new one.

    A container whose home does not last is another installation each time, which no name tells.
    """
    used = (one for one in offered if one.report == "daily" and one.total_tokens)
    days = [f"{one.agent} {one.key} {one.total_tokens}" for one in used]
    found = warehouse.rows(
        "SELECT machine, count() AS equal FROM records FINAL WHERE report = 'daily' AND machine != {machine:String}"
        " AND has({days:Array(String)}, concat(agent, ' ', key, ' ', toString(total_tokens)))"
        " GROUP BY machine HAVING 2 * equal >= {count:UInt64} ORDER BY machine",
        {"machine": machine, "days": days, "count": len(days)},
    )
    return tuple(
        f"{equal} of {counted(len(days), 'day')} are stored for machine {twin!r} too, token for token: if that is this"
        " computer, its usage counts twice now; ccusage-import undo last takes this load back"
        for twin, equal in found
    )


def names_of(warehouse: ClickHouse, installation: str) -> list[str]:
    """Return the names under which an installation has a history, the last one that loaded first."""
    return [name for (name,) in warehouse.rows(*_names_question(installation))]


def questions_of_names(machine: str, installation: str) -> list[Question]:
    """Return what is asked of the names of machines before an import."""
    return [_names_question(installation), _claims_question(machine)]


def _names_question(installation: str) -> Question:
    return Question(
        "SELECT machine FROM loads FINAL WHERE installation = {installation:String} AND installation != ''"
        " AND state IN ('committed', 'undone') GROUP BY machine ORDER BY max(load_id) DESC",
        {"installation": installation},
    )


def _claims_question(machine: str) -> Question:
    return Question(
        "SELECT state, installation, renamed_to FROM machines WHERE machine = {machine:String}"
        " ORDER BY claimed_at, installation",
        {"machine": machine},
    )


def read_claim(warehouse: ClickHouse, machine: str) -> Claim:
    """Return what the rows about a name add up to: of claims since it was last given back, the first one counts."""
    claim = Claim()
    for state, installation, renamed_to in warehouse.rows(*_claims_question(machine)):
        if state == "released":
            claim = Claim(None, renamed_to or None)
        elif claim.owner in (None, installation):
            claim = Claim(installation, renamed_to or None)
    return claim


def write_claim(
    warehouse: ClickHouse,
    machine: str,
    installation: str,
    state: Literal["claimed", "renaming", "released"] = "claimed",
    renamed_to: str | None = None,
) -> None:
    """Add a row about a name."""
    # The time is in the token: a name that was given back can be claimed again.
    token = f"machines/{machine}/{installation}/{time.time_ns()}"
    columns = ("machine", "installation", "state", "renamed_to")
    warehouse.insert("machines", columns, [(machine, installation, state, renamed_to or "")], token=token)


def _claimed(warehouse: ClickHouse, machine: str, installation: str) -> str:
    """Claim a name; return who owns it now."""
    write_claim(warehouse, machine, installation)
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while not (owner := read_claim(warehouse, machine).owner):
        if time.monotonic() > deadline:
            raise WarehouseError(f"{warehouse.warehouse}: does not show who claimed {machine!r}", hint="try again")
        time.sleep(POLL_SECONDS)
    return owner


def _last_loader(warehouse: ClickHouse, machine: str) -> str:
    """Return the installation of the last load that was published: older releases wrote no claims."""
    rows = warehouse.rows(
        "SELECT argMax(installation, load_id) FROM loads FINAL"
        " WHERE machine = {machine:String} AND state IN ('committed', 'undone') AND installation != ''",
        {"machine": machine},
    )
    return str(rows[0][0])

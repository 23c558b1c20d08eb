"""Whose name a machine's is. An installation claims it once; of two claims the earlier one owns the name."""

from __future__ import annotations

import shlex
import time

from ccusage_import.exceptions import MachineTakenError, OtherNameError, WarehouseError
from ccusage_import.warehouse.clickhouse_client import ClickHouse

# A replica that lags shows a claim a little later than the one that took it.
SEEN_WITHIN_SECONDS = 10.0
POLL_SECONDS = 0.2


def claim_machine(warehouse: ClickHouse, machine: str, installation: str, *, only_looks: bool = False) -> None:
    """Make sure that a machine's name belongs to an installation; a name that is nobody's is claimed for it.

    Args:
        warehouse: where.
        machine: the name.
        installation: of this program; one that has no identity yet is empty, is let in and claims nothing.
        only_looks: claims nothing either.

    Raises:
        MachineTakenError: it belongs to another installation. Nothing was changed but for the claim that lost.
    """
    if not installation:
        return
    owner = _first_claim(warehouse, machine)
    if not owner:
        owner = _last_loader(warehouse, machine) or installation
        if owner == installation and not only_looks:
            owner = _claimed(warehouse, machine, installation)
    if owner != installation:
        raise MachineTakenError(
            f"machine {machine!r} is the name of another installation in {warehouse.warehouse}",
            hint="choose another name: --machine NAME; or, if that installation is gone, take over its history:"
            f' put installation = "{owner}" into identity.toml, beside the configuration file',
        )


def refuse_other_name(warehouse: ClickHouse, machine: str, installation: str) -> None:
    """Refuse a name under which all usage of an installation would be stored a second time.

    Raises:
        OtherNameError: this installation has a history, and none of it is under this name.
    """
    rows = warehouse.rows(
        "SELECT machine FROM loads FINAL WHERE installation = {installation:String} AND installation != ''"
        " AND state IN ('committed', 'undone') GROUP BY machine ORDER BY max(load_id) DESC",
        {"installation": installation},
    )
    names = [name for (name,) in rows]
    if names and machine not in names:
        kept = shlex.quote(names[0])
        raise OtherNameError(
            f"machine {machine!r}: the history of this installation in {warehouse.warehouse} is that of {names[0]!r};"
            " a second name would count everything twice",
            hint=f"keep the name: --machine {kept}, or for good: ccusage-import config set machine {kept}",
        )


def _claimed(warehouse: ClickHouse, machine: str, installation: str) -> str:
    """Claim a name; return who owns it now."""
    # The time is in the token: a name that was given up can be claimed again.
    token = f"machines/{machine}/{installation}/{time.time_ns()}"
    warehouse.insert("machines", ("machine", "installation"), [(machine, installation)], token=token)
    deadline = time.monotonic() + SEEN_WITHIN_SECONDS
    while not (owner := _first_claim(warehouse, machine)):
        if time.monotonic() > deadline:
            raise WarehouseError(f"{warehouse.warehouse}: does not show who claimed {machine!r}", hint="try again")
        time.sleep(POLL_SECONDS)
    return owner


def _first_claim(warehouse: ClickHouse, machine: str) -> str:
    rows = warehouse.rows(
        "SELECT installation FROM machines WHERE machine = {machine:String} ORDER BY claimed_at, installation LIMIT 1",
        {"machine": machine},
    )
    return str(rows[0][0]) if rows else ""


def _last_loader(warehouse: ClickHouse, machine: str) -> str:
    """Return the installation of the last load that was published: older releases wrote no claims."""
    rows = warehouse.rows(
        "SELECT argMax(installation, load_id) FROM loads FINAL"
        " WHERE machine = {machine:String} AND state IN ('committed', 'undone') AND installation != ''",
        {"machine": machine},
    )
    return str(rows[0][0])

"""The step that opens the warehouse, and claims the name of the machine in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ccusage_import.steps.run import Run
from ccusage_import.warehouse.budgets import keep_own_budgets, keep_own_plan, keep_own_quotas, questions_of_limits
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
from ccusage_import.warehouse.committing import questions_of_dead_loads, settle_dead_loads
from ccusage_import.warehouse.machines import claim_machine, questions_of_names, refuse_other_name
from ccusage_import.warehouse.migrations import refuse_pending
from ccusage_import.warehouse.naming import naming_question, refuse_other_naming
from ccusage_import.warehouse.opening import (
    has_warehouse,
    open_configured,
    open_to_write,
    record_failed_loads,
    refuse_damage,
)


def open_for_import(run: Run, stack: ExitStack, ahead: Sequence[Question]) -> tuple[ClickHouse | None, tuple[str, ...]]:
    """Open the warehouse like `open_for_load`; a dry run only refuses what that refuses, and makes no warehouse.

    Returns:
        The warehouse, None where a dry run finds none, and warnings for a person.
    """
    if run.options.is_dry_run:
        if not has_warehouse(run.configuration):
            return None, ()
        warehouse = stack.enter_context(open_configured(run.configuration))
        refuse_damage(run.settings.machine, warehouse)
        refuse_pending(warehouse)
        claim_name(run, warehouse)
        return warehouse, ()
    return open_for_load(run, stack, ahead=ahead)


def open_for_load(
    run: Run, stack: ExitStack, *, lends: bool = False, ahead: Sequence[Question] = ()
) -> tuple[ClickHouse, tuple[str, ...]]:
    """Open the warehouse, and make sure that this process may write loads to it.

    This is the only step before the publication that changes something: it migrates an embedded warehouse, claims the
    name of the machine, writes failed loads that could not be recorded before, settles loads that died, and keeps
    budgets, quotas and plan. It refuses a damaged warehouse, the name of another installation, and names of projects
    that differ from those stored.

    Args:
        run: what writes.
        stack: closes the warehouse.
        lends: give an embedded warehouse to whoever waits for it.
        ahead: questions that the caller is going to ask; they are asked as `ClickHouse.asked_ahead` does.

    Returns:
        The warehouse, and warnings for a person.
    """
    ahead = (*_questions(run), *ahead)
    if run.already_open:
        stack.enter_context(run.already_open.asked_ahead(ahead))
    warehouse = run.already_open or stack.enter_context(open_to_write(run.configuration, lends=lends, ahead=ahead))
    claim_name(run, warehouse)
    record_failed_loads(run.configuration, warehouse)
    states = settle_dead_loads(warehouse, run.settings.machine)
    keep_own_budgets(warehouse, run.configuration, run.pseudonyms)
    keep_own_quotas(warehouse, run.configuration)
    keep_own_plan(warehouse, run.configuration)
    return warehouse, tuple(f"an earlier load ended in the middle; it is now marked as {state}" for state in states)


def _questions(run: Run) -> list[Question]:
    machine = run.settings.machine
    return [
        *questions_of_names(machine, run.configuration.installation),
        naming_question(machine),
        *questions_of_dead_loads(machine),
        *questions_of_limits(machine),
    ]


def claim_name(run: Run, warehouse: ClickHouse) -> None:
    """Claim the name of the machine, and refuse one, or names of projects, that would count what is stored twice."""
    machine, installation = run.settings.machine, run.configuration.installation
    # What is replayed stands under the name that the machine had then.
    if run.options.note is None:
        refuse_other_name(warehouse, machine, installation)
    claim_machine(warehouse, machine, installation, only_looks=run.options.is_dry_run)
    refuse_other_naming(warehouse, machine, run.pseudonyms, run.known_names)

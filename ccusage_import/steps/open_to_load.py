"""The step that opens the warehouse, and claims the name of the machine in it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack

from ccusage_import.steps.run import Run
from ccusage_import.warehouse.budgets import keep_own_budgets, keep_own_plan, keep_own_quotas, questions_of_limits
from ccusage_import.warehouse.clickhouse_client import ClickHouse, Question
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
from ccusage_import.warehouse.publish import questions_of_dead_loads, settle_dead_loads


def open_for_import(
    run: Run, stack: ExitStack, ahead: Sequence[Question] = ()
) -> tuple[ClickHouse | None, tuple[str, ...]]:
    """Open the warehouse with a schema this program knows: the one step before publication that changes something.

    It refuses a damaged warehouse, migrates an embedded one, claims the machine's name or refuses that of another
    installation, refuses other names of projects than are stored, writes the failed loads that it could not take
    before, settles loads that died, and the budgets, the quotas and the plan.
    A dry run does none of this but refuse, and makes no warehouse where there is none. What the caller is going to ask
    is asked `ahead`, as `ClickHouse.asked_ahead` does.

    Returns:
        The warehouse, and what a person should know of it.
    """
    if run.options.is_dry_run:
        if not has_warehouse(run.configuration):
            return None, ()
        warehouse = stack.enter_context(open_configured(run.configuration))
        refuse_damage(run.settings.machine, warehouse)
        refuse_pending(warehouse)
        _claim_name(run, warehouse)
        return warehouse, ()
    return open_for_load(run, stack, ahead=ahead)


def open_for_load(
    run: Run, stack: ExitStack, *, lends: bool = False, ahead: Sequence[Question] = ()
) -> tuple[ClickHouse, tuple[str, ...]]:
    ahead = (*_questions(run), *ahead)
    if run.already_open:
        stack.enter_context(run.already_open.asked_ahead(ahead))
    warehouse = run.already_open or stack.enter_context(open_to_write(run.configuration, lends=lends, ahead=ahead))
    _claim_name(run, warehouse)
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


def _claim_name(run: Run, warehouse: ClickHouse) -> None:
    machine, installation = run.settings.machine, run.configuration.installation
    # What is replayed stands under the name that the machine had then.
    if run.options.note is None:
        refuse_other_name(warehouse, machine, installation)
    claim_machine(warehouse, machine, installation, only_looks=run.options.is_dry_run)
    refuse_other_naming(warehouse, machine, run.pseudonyms, run.known_names)

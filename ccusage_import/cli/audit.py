"""Commands that read back what loads did, and overrule them."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from datetime import UTC, datetime, time
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

import typer

from ccusage_import import ui
from ccusage_import.cli.options import (
    LOAD_NAMES,
    AsJson,
    ConfigFile,
    Machine,
    OtherMachine,
    Quiet,
    Verbose,
    WarehouseUrl,
    WithoutNotes,
    complete_loads,
    configured,
    door,
    open_to_ask,
)
from ccusage_import.cli.verdicts import print_changes
from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.days import day_of_option, parse_day, storable, today_in, zoned_moment
from ccusage_import.exceptions import MachineTakenError, OtherNameError, QueryError, SchemaError
from ccusage_import.history import overrule
from ccusage_import.history.changes import Change, Wanted, count_changes, held_now, stream_changes
from ccusage_import.history.load_names import find_load, short_ids, stored_ids
from ccusage_import.masking import without_password
from ccusage_import.money import Money
from ccusage_import.querying.known_names import refuse_unknown
from ccusage_import.records import counted, counted_records
from ccusage_import.rule.verdicts import Verdict
from ccusage_import.transcripts.facts import FACT_KINDS
from ccusage_import.ui.tables import PlainTable, console, is_for_a_terminal, print_wrapped
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.migrations import refuse_pending
from ccusage_import.warehouse.opening import (
    as_they_ended,
    demand_warehouse,
    import_lock,
    open_to_write,
)
from ccusage_import.warehouse.tables import (
    REFUSED,
    RUNNER_OF_CHANGES,
    RUNNER_OF_MACHINE,
    RUNNER_OF_PROJECTS,
    RUNNER_OF_PUSH,
    Load,
    read_loads,
)

SHOWN_LOADS = 20
SHOWN_CHANGES = 50
LoggedVerdict = Literal["new", "grew", "repriced", "corrected", "held", "unchanged"]
COUNTED_VERDICTS = (Verdict.NEW, Verdict.GREW, Verdict.REPRICED, Verdict.CORRECTED, Verdict.HELD)


def history(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    machine: Machine = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many loads.")] = SHOWN_LOADS,
    verbose: Verbose = 0,
    quiet: WithoutNotes = False,
    as_json: AsJson = False,
) -> None:
    """List loads, newest first.

    Shows when each ran and with which ccusage, what it changed, and why it failed.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _reading("history", warehouse, config) as (opened, configuration):
        refuse_unknown(opened, {"machine": machine})
        loads = as_they_ended(configuration, opened, read_loads(opened, machine=machine or None, limit=limit))
        print_history(loads, _shown_ids(opened), configuration.settings, as_json=as_json)


def print_history(loads: Sequence[Load], ids: Mapping[int, str], settings: Settings, *, as_json: bool) -> None:
    """Print loads, newest first, in the zone and the currency of the settings."""
    if as_json:
        ui.print_json([asdict(load) for load in loads])
        return
    if not loads:
        print("no load yet")
        return
    money = settings.money
    has_machines = len({load.machine for load in loads}) > 1
    table = PlainTable(
        ("load", "when", "machine", "state", "ccusage", "records", "cost", "change", "seconds", "error"),
        texts=("when", "machine", "state", "ccusage", "records", "error"),
        below="error",
        wraps=("records",),
        spare=("seconds", "ccusage", *(("cost", "machine") if has_machines else ("machine", "cost"))),
    )
    for load in loads:
        seconds = (load.finished_at - load.started_at).total_seconds() if load.finished_at else None
        table.add_row(
            ids.get(load.load_id, str(load.load_id)),
            zoned_moment(load.started_at, settings.timezone),
            load.machine,
            load.state,
            load.ccusage_version or load.runner,
            _what(load, ids),
            money.text(load.cost_after_usd) if load.is_published else "",
            ui.change(load.cost_after_usd - load.cost_before_usd, money.text) if load.is_published else "",
            "" if seconds is None else f"{seconds:.1f}",
            load.error,
        )
    console().print(table)


def _what(load: Load, ids: Mapping[int, str]) -> str:
    """Return what a load changed, and first what it was where it is no import."""
    counts, act = _counts(load), ""
    if load.undoes:
        act = f"undo of {ids.get(load.undoes, load.undoes)}"
    elif load.runner == RUNNER_OF_CHANGES:
        act = "repair" if load.warnings else "accept"
    elif load.runner in (RUNNER_OF_MACHINE, RUNNER_OF_PROJECTS, RUNNER_OF_PUSH):
        act = load.runner
    return ": ".join(filter(None, (act, counts))) or ("" if load.error else "nothing changed")


def _counts(load: Load) -> str:
    counts: Counter[str] = Counter()
    for name, count in load.verdicts.items():
        counts[name.rpartition("/")[2]] += count
    parts = [f"{counts[verdict]} {verdict}" for verdict in (*COUNTED_VERDICTS, REFUSED) if counts[verdict]]
    for prefix, became in (("", ""), ("folded/", " folded")):
        if facts := sum(load.facts.get(f"{prefix}{kind}", 0) for kind in FACT_KINDS):
            parts.append(f"{counted(facts, 'fact')}{became}")
    return ", ".join(parts)


def _shown_ids(opened: ClickHouse) -> Mapping[int, str]:
    """Return what a terminal shows for the ids of loads: as much as names one; a pipe gets them whole."""
    return short_ids(stored_ids(opened)) if is_for_a_terminal() else {}


def changes(
    load: Annotated[
        str, typer.Argument(metavar="LOAD", help=f"Only this load: {LOAD_NAMES}.", autocompletion=complete_loads)
    ] = "",
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verdict: Annotated[
        LoggedVerdict | None,
        typer.Option(metavar="VERDICT", help="Only new, grew, repriced, corrected, held or unchanged."),
    ] = None,
    since: Annotated[str | None, typer.Option(metavar="DAY", help="Only loads since this day.")] = None,
    machine: Machine = "",
    limit: Annotated[
        int | None,
        typer.Option(metavar="N", min=1, help=f"How many changes; by default {SHOWN_CHANGES} at a terminal, else all."),
    ] = None,
    verbose: Verbose = 0,
    quiet: WithoutNotes = False,
    as_json: AsJson = False,
) -> None:
    """Show what each load changed, and why.

    For each record: what was stored, what was offered, the verdict, and the reason for it.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _reading("changes", warehouse, config) as (opened, configuration):
        refuse_unknown(opened, {"machine": machine})
        settings = configuration.settings
        wanted = Wanted(
            load_id=find_load(opened, load, machine or settings.machine) if load else None,
            verdict=verdict,
            since=_beginning(since, settings.timezone) if since else None,
            machine=machine or None,
        )
        if limit is None and is_for_a_terminal() and not as_json:
            limit = SHOWN_CHANGES
        names, ids = read_names(configuration.directories.names_file), _shown_ids(opened)
        found = stream_changes(opened, wanted, limit=limit)
        shown = print_changes(found, names, ids, settings.money, as_json=as_json)
        if not (shown or as_json):
            print(f"no change has the verdict {verdict}" if verdict else "nothing changed")
        if shown == limit and not (as_json or quiet) and (count := count_changes(opened, wanted)) > limit:
            print_wrapped(f"the newest {limit:,} of {count:,} changes; --limit {count} shows all")


def _beginning(day: str, timezone: str) -> datetime:
    """Return when a day begins."""
    first = storable(day_of_option("--since", day, today_in(timezone)))
    return datetime.combine(first, time(), ZoneInfo(timezone)).astimezone(UTC)


def held(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    machine: OtherMachine = "",
    verbose: Verbose = 0,
    quiet: WithoutNotes = False,
    as_json: AsJson = False,
) -> None:
    """List what is held now, and how to accept it.

    A number is held where ccusage now shows less than is stored and nothing explains it. Shows this machine, unless
    --machine names another.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _reading("held", warehouse, config) as (opened, configuration):
        refuse_unknown(opened, {"machine": machine})
        own = configuration.settings.machine
        found = held_now(opened, machine or own)
        names, ids = read_names(configuration.directories.names_file), _shown_ids(opened)
        if as_json or found:
            print_changes(found, names, ids, configuration.settings.money, as_json=as_json)
        else:
            print("nothing is held")
        if found and not (as_json or quiet) and machine in ("", own):
            options = options_as_typed(config, warehouse)
            with suppress(MachineTakenError, OtherNameError):
                claim_machine(opened, own, configuration.installation, only_looks=True)
                _print_how_to_accept(found[0], names, ids, options)


def options_as_typed(config: Path | None, warehouse: str | None) -> str:
    """Return what leads another command to the same warehouse; no password is printed."""
    given = {"--config": config and str(config), "--warehouse": warehouse and without_password(warehouse)}
    return "".join(f" {option} {shlex.quote(value)}" for option, value in given.items() if value)


def _print_how_to_accept(held: Change, names: Mapping[str, str], ids: Mapping[int, str], options: str) -> None:
    record = held.decision.record
    one = shlex.quote(f"{record.label} {ui.short_label(record, names)}")
    print(f"\nto accept the first: ccusage-import accept {one}{options}")
    print(f"to accept all of its load: ccusage-import accept {ids.get(held.load_id, held.load_id)}{options}")


def undo(
    load: Annotated[
        str,
        typer.Argument(metavar="LOAD", help=f"The load to take back: {LOAD_NAMES}.", autocompletion=complete_loads),
    ],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    force: Annotated[
        bool, typer.Option("--force", help="Take it back even if later loads changed some of its records.")
    ] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take a load back.

    Writes a new load that restores what the other one replaced and deletes what it created.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _writing("undo", warehouse, config) as (opened, own):
        load_id = find_load(opened, load, own.settings.machine)
        done = overrule.undo(opened, load_id, forces=force, installation=own.installation)
        _tell(done, f"load {load_id} is taken back", own.settings.money, quiet=quiet, as_json=as_json)


def accept(
    held: Annotated[
        list[str],
        typer.Argument(
            metavar="LOAD|KEY...",
            help="Loads, keys or records, as `held` lists them; days as in --since.",
            autocompletion=complete_loads,
        ),
    ],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Accept held numbers in place of the stored ones.

    They come from the log of changes, so no transcripts are needed. Blocks that overlap in time go together.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _writing("accept", warehouse, config) as (opened, configuration):
        claim_machine(opened, configuration.settings.machine, configuration.installation)
        names = read_names(configuration.directories.names_file)
        wanted = [_key(name, configuration.settings.timezone) for name in held]
        done = overrule.accept(opened, configuration.settings.machine, wanted, names)
        sentence = f"{counted_records(sum(done.load.verdicts.values()))} changed"
        if done.taken_with_them:
            sentence += f"; {done.taken_with_them} that overlap them in time were taken with them"
        _tell(done.load, sentence, configuration.settings.money, quiet=quiet, as_json=as_json)


def _key(name: str, timezone: str) -> str:
    """Return the key of a day that is named by how long ago it was; any other name as it is."""
    if name.isdigit():
        # The beginning of a load's id may be a day, too: 17960812.
        return name
    try:
        return parse_day(name, today_in(timezone)).isoformat()
    except ValueError:
        return name


@contextmanager
def _reading(command: str, warehouse: str | None, config: Path | None) -> Iterator[tuple[ClickHouse, Configuration]]:
    configuration = configured({"warehouse": warehouse}, config)
    with open_to_ask(configuration, command) as opened:
        if not opened.columns("loads"):
            no_tables = f"warehouse {opened.warehouse}: has no tables yet"
            raise opened.damage or SchemaError(no_tables, hint="ccusage-import migrate")
        try:
            yield opened, configuration
        except QueryError:
            if not opened.is_embedded:
                refuse_pending(opened)
            raise


@contextmanager
def _writing(command: str, warehouse: str | None, config: Path | None) -> Iterator[tuple[ClickHouse, Configuration]]:
    """Take the locks in the importer's order, or two of them would wait for each other."""
    configuration = configured({"warehouse": warehouse}, config)
    demand_warehouse(configuration, command)
    with import_lock(configuration), open_to_write(configuration) as opened:
        yield opened, configuration


def _tell(done: Load, sentence: str, money: Money, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        ui.print_json({"load_id": done.load_id, "undoes": done.undoes, "verdicts": done.verdicts})
    elif not quiet:
        change = ui.change(done.cost_after_usd - done.cost_before_usd, money.text)
        print_wrapped(f"{sentence}; load {done.load_id}; cost of all days {money.text(done.cost_after_usd)} ({change})")

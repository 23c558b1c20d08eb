"""Commands that read back what loads did, and overrule them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal

import typer

from ccusage_import import __version__, ui
from ccusage_import.cli.options import (
    DAY_FORMATS,
    AsJson,
    ConfigFile,
    Quiet,
    Verbose,
    WarehouseUrl,
    complete_loads,
    complete_machines,
    configured,
    door,
)
from ccusage_import.config.names import read_names
from ccusage_import.config.settings import Configuration
from ccusage_import.history import audit
from ccusage_import.history.audit import Change
from ccusage_import.import_summary import FACT_KINDS
from ccusage_import.rule.explain import reason_in_words
from ccusage_import.rule.reconcile import Verdict
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.known_names import refuse_unknown
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.opening import import_lock, open_configured, open_to_write
from ccusage_import.warehouse.tables import REFUSED, Load, read_loads

SHOWN_LOADS = 20
LoggedVerdict = Literal["new", "grew", "repriced", "corrected", "held", "unchanged"]
Machine = Annotated[str, typer.Option(metavar="NAME", help="Only this machine.", autocompletion=complete_machines)]
COUNTED_VERDICTS = (Verdict.NEW, Verdict.GREW, Verdict.REPRICED, Verdict.CORRECTED, Verdict.HELD)


def history(
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    machine: Machine = "",
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="How many loads.")] = SHOWN_LOADS,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """List loads, newest first.

    When, with what, what they changed, and why one failed.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _reading(warehouse, config) as (opened, _):
        refuse_unknown(opened, {"machine": machine})
        print_history(read_loads(opened, machine=machine, limit=limit), as_json=as_json)


def print_history(loads: Sequence[Load], *, as_json: bool) -> None:
    """Print loads, newest first."""
    if as_json:
        ui.print_json([asdict(load) for load in loads])
        return
    if not loads:
        print("no load yet")
        return
    table = ui.plain_table("load", "when (UTC)", "machine", "state", "ccusage", "records", "cost", "change", "seconds")
    for column in (2, 3, 4, 5):
        table.columns[column].justify = "left"
    table.columns[5].no_wrap = False
    for load in loads:
        is_published = load.state in ("committed", "undone")
        seconds = (load.finished_at - load.started_at).total_seconds() if load.finished_at else None
        table.add_row(
            str(load.load_id),
            f"{load.started_at:%Y-%m-%d %H:%M:%S}",
            load.machine,
            load.state,
            load.ccusage_version or load.runner,
            "; ".join(filter(None, (load.error, _counts(load)))),
            ui.usd(load.cost_after_usd) if is_published else "",
            ui.change(load.cost_after_usd - load.cost_before_usd, ui.usd) if is_published else "",
            "" if seconds is None else f"{seconds:.1f}",
        )
    ui.console().print(table)


def _counts(load: Load) -> str:
    counts: Counter[str] = Counter()
    for name, count in load.verdicts.items():
        counts[name.rpartition("/")[2]] += count
    counted = (*COUNTED_VERDICTS, REFUSED)
    parts = [f"{counts[verdict]} {verdict}" for verdict in counted if counts[verdict]]
    parts += [f"{facts} facts"] if (facts := sum(load.facts.get(kind, 0) for kind in FACT_KINDS)) else []
    parts += (
        [f"{facts} facts folded"] if (facts := sum(load.facts.get(f"folded/{kind}", 0) for kind in FACT_KINDS)) else []
    )
    shown = ", ".join(parts)
    return shown or ("" if load.error else "nothing changed")


def changes(
    load: Annotated[int, typer.Argument(metavar="[LOAD]", help="Only this load.", autocompletion=complete_loads)] = 0,
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verdict: Annotated[
        LoggedVerdict | None,
        typer.Option(metavar="VERDICT", help="Only new, grew, repriced, corrected, held or unchanged."),
    ] = None,
    since: Annotated[
        datetime | None, typer.Option(formats=DAY_FORMATS, metavar="DAY", help="Only loads since this day.")
    ] = None,
    machine: Machine = "",
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Show what each load changed, and why.

    For each record: what was stored, what was offered, the verdict and its reason.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _reading(warehouse, config) as (opened, configuration):
        refuse_unknown(opened, {"machine": machine})
        found = audit.read_changes(
            opened,
            load_id=load,
            verdict=verdict or "",
            since=since.date() if since else date(1970, 1, 1),
            machine=machine,
        )
        print_changes(found, read_names(configuration.directories.names_file), as_json=as_json)


def print_changes(changes: Sequence[Change], names: Mapping[str, str], *, as_json: bool) -> None:
    """Print verdicts with both numbers and the reason in words."""
    if as_json:
        ui.print_json([change_json(change, names) for change in changes])
        return
    if not changes:
        print("nothing changed")
        return
    table = ui.plain_table("load", "verdict", "record", "stored", "offered", "why")
    table.columns[5].no_wrap = False
    for column in (1, 2, 5):
        table.columns[column].justify = "left"
    for change in changes:
        decision = change.decision
        stored, offered = decision.stored, decision.offered
        table.add_row(
            str(change.load_id),
            str(decision.verdict),
            f"{decision.record.label} {ui.label(decision.record, names)}",
            ui.usd(stored.cost_usd) if stored else "-",
            ui.usd(offered.cost_usd) if offered else "-",
            reason_in_words(decision, change.intact_from),
        )
    ui.console().print(table)


def change_json(change: Change, names: Mapping[str, str]) -> dict[str, Any]:
    """Return one verdict as an object with stable keys."""
    decision, record = change.decision, change.decision.record
    stored, offered = decision.stored, decision.offered
    return {
        "load_id": change.load_id,
        "decided_at": change.decided_at.isoformat(),
        "machine": change.machine,
        "report": record.report,
        "agent": record.agent,
        "key": record.key,
        "label": ui.label(record, names),
        "day": record.day.isoformat(),
        "verdict": str(decision.verdict),
        "reason": str(decision.reason),
        "explanation": reason_in_words(decision, change.intact_from),
        "is_written": decision.is_written,
        "stored_tokens": stored.total_tokens if stored else None,
        "offered_tokens": offered.total_tokens if offered else None,
        "stored_cost_usd": stored.cost_usd if stored else None,
        "offered_cost_usd": offered.cost_usd if offered else None,
    }


def undo(
    load: Annotated[
        int,
        typer.Argument(
            metavar="LOAD", help="The load to take back, as history lists it.", autocompletion=complete_loads
        ),
    ],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    force: Annotated[bool, typer.Option("--force", help="Also where a later load changed the record.")] = False,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take a load back.

    A new load restores what it replaced and deletes what it created.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _writing(warehouse, config) as (opened, own):
        done = audit.undo(opened, load, forces=force, installation=own.installation, tool_version=__version__)
        _tell(done, f"load {load} is taken back", quiet=quiet, as_json=as_json)


def accept(
    held: Annotated[
        list[str],
        typer.Argument(
            metavar="LOAD|KEY...",
            help="Loads, keys or records, as changes lists them.",
            autocompletion=complete_loads,
        ),
    ],
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Take held numbers over the stored ones.

    They come from the log: their transcripts are not needed. Blocks that overlap in time are taken together.
    """
    with door(verbose, quiet=quiet, as_json=as_json), _writing(warehouse, config) as (opened, configuration):
        claim_machine(opened, configuration.settings.machine, configuration.installation)
        names = read_names(configuration.directories.names_file)
        done = audit.accept(opened, configuration.settings.machine, held, names, tool_version=__version__)
        sentence = f"{sum(done.load.verdicts.values())} records changed"
        if done.taken_with_them:
            sentence += f"; {done.taken_with_them} that overlap them in time were taken with them"
        _tell(done.load, sentence, quiet=quiet, as_json=as_json)


@contextmanager
def _reading(warehouse: str | None, config: Path | None) -> Iterator[tuple[ClickHouse, Configuration]]:
    configuration = configured({"warehouse": warehouse}, config)
    with open_configured(configuration) as opened:
        ui.warn_of_damage(opened.damage)
        yield opened, configuration


@contextmanager
def _writing(warehouse: str | None, config: Path | None) -> Iterator[tuple[ClickHouse, Configuration]]:
    """Take the locks in the importer's order, or two of them would wait for each other."""
    configuration = configured({"warehouse": warehouse}, config)
    with import_lock(configuration), open_to_write(configuration) as opened:
        yield opened, configuration


def _tell(done: Load, sentence: str, *, quiet: bool, as_json: bool) -> None:
    if as_json:
        ui.print_json({"load_id": done.load_id, "undoes": done.undoes, "verdicts": done.verdicts})
    elif not quiet:
        change = ui.change(done.cost_after_usd - done.cost_before_usd, ui.usd)
        print(f"{sentence}; load {done.load_id}; cost of all days {ui.usd(done.cost_after_usd)} ({change})")

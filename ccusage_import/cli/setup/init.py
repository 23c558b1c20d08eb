"""`init`: asks for what a new installation needs, shows what that changes, and writes it."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Annotated, TypeVar

import typer

from ccusage_import import ui
from ccusage_import.cli.options import ConfigFile, configured, door
from ccusage_import.cli.setup.answers import (
    EMBEDDED,
    HOURLY,
    INTERVALS,
    KEEP,
    NAMES,
    NONE,
    TriedWarehouse,
    embedded_url,
    planned_job,
    read_budget,
    read_names,
    read_schedule,
    read_warehouse,
)
from ccusage_import.cli.setup.questions import ask, ask_yes_or_no, is_at_a_terminal
from ccusage_import.config.directories import Directories
from ccusage_import.config.file import changed, write_config
from ccusage_import.config.settings import Configuration
from ccusage_import.documents import toml_text
from ccusage_import.exceptions import ConfigurationError, ScheduleError
from ccusage_import.masking import MASK
from ccusage_import.schedule import schedulers
from ccusage_import.schedule.model import InstalledSchedule
from ccusage_import.ui.tables import PlainTable, console, print_wrapped

T = TypeVar("T")
NOTHING, BUDGET, SCHEDULE = "-", "budget.monthly", "schedule"


@dataclass(frozen=True, slots=True)
class Answers:
    """What is to be: `schedule` is an interval, `none` or `keep`, `budget_usd` None for no limit."""

    warehouse: TriedWarehouse
    has_pseudonyms: bool
    schedule: str
    budget_usd: Decimal | None


@dataclass(frozen=True, slots=True)
class Change:
    """What changes, as it is shown; `toml` is the new value of a setting, None where that is taken out."""

    name: str
    now: str
    then: str
    toml: str | None = None


def init(
    config: ConfigFile = None,
    warehouse: Annotated[
        str | None,
        typer.Option(
            metavar="URL", help="embedded, in the data directory, or the URL of a server, which is tried first."
        ),
    ] = None,
    names: Annotated[
        str | None,
        typer.Option(metavar="HOW", help="How to store names of projects and sessions: pseudonyms or clear."),
    ] = None,
    schedule: Annotated[
        str | None,
        typer.Option(metavar="INTERVAL", help=f"How often to import: {', '.join(INTERVALS)}, or none."),
    ] = None,
    budget: Annotated[
        str | None, typer.Option(metavar="USD", help="US dollars that may be spent in a month, or none.")
    ] = None,
    is_agreed: Annotated[
        bool,
        typer.Option("--yes", "-y", help="Ask nothing: take the defaults, and agree to changes of existing settings."),
    ] = False,
) -> None:
    """Set up warehouse, names, schedule and budget, by questions.

    All other settings stay as they are, and what is configured is the default of each question. Without a terminal,
    give all options or --yes.
    """
    with door(0, quiet=False, as_json=False):
        given = {"warehouse": warehouse, "names": names, "schedule": schedule, "budget": budget}
        asks = is_at_a_terminal() and not is_agreed
        missing = [f"--{name}" for name, value in given.items() if value is None]
        if missing and not asks and not is_agreed:
            raise ConfigurationError(
                "init: needs a terminal for its questions", hint=f"give {', '.join(missing)}, or --yes for defaults"
            )
        file = config or Directories.of_platform().config_file
        before = configured({}, config, config_text=changed(file, {}))
        installed = schedulers.installed_schedule(before.directories, os.environ)
        answers = _answers(given, before, installed, config, asks=asks)
        changes = _changes(before, installed, answers)
        if changes and not _are_agreed(file, changes, asks=asks, is_agreed=is_agreed):
            print("nothing is written")
            return
        _set_up(file, config, changes, answers.schedule)
        if not changes:
            print("nothing changes")
        _warn_of_environment(before, changes)
        named = f" --config {shlex.quote(str(config))}" if config else ""
        ui.print_text(f"next: {_next_command(before, answers)}{named}")


def _answers(
    given: Mapping[str, str | None],
    before: Configuration,
    installed: InstalledSchedule | None,
    config: Path | None,
    *,
    asks: bool,
) -> Answers:
    def answer(name: str, choices: str, default: str, read: Callable[[str], T]) -> T:
        if (value := given[name]) is not None:
            return read(value.strip())
        return ask(f"{name}: {choices}", default, read) if asks else read(default)

    settings = before.settings
    limit = settings.budget.monthly
    place = str(settings.parsed_warehouse())
    return Answers(
        answer(
            "warehouse",
            f"{EMBEDDED}, or a URL like clickhouses://ana@host/ccusage",
            EMBEDDED if place == embedded_url() else place,
            lambda text: read_warehouse(text, before, asks=asks),
        ),
        answer(
            "names",
            "of projects and sessions as pseudonyms, or clear",
            next(name for name, is_hidden in NAMES.items() if is_hidden == settings.hash_projects),
            read_names,
        ),
        answer(
            "schedule",
            f"{', '.join(INTERVALS)}, or {NONE}",
            _default_schedule(before, installed, config) if given["schedule"] is None else "",
            lambda text: _read_schedule(text, before, installed, config),
        ),
        answer("budget", f"US dollars a month, or {NONE}", f"{limit:f}" if limit else NONE, read_budget),
    )


def _default_schedule(before: Configuration, installed: InstalledSchedule | None, config: Path | None) -> str:
    if installed:
        return KEEP
    try:
        planned_job(before, HOURLY, config)
    except ScheduleError as error:
        ui.print_warnings([f"no schedule: {error}", f"hint: {error.hint}"])
        return NONE
    return HOURLY


def _read_schedule(text: str, before: Configuration, installed: InstalledSchedule | None, config: Path | None) -> str:
    """Return an interval at which something here can run the import, `none`, or `keep` where nothing changes."""
    interval = read_schedule(text, is_installed=installed is not None)
    if interval in (NONE, KEEP):
        return interval if installed else NONE
    timing = planned_job(before, interval, config).schedule.timing
    return KEEP if installed and installed.timing == timing else interval


def _changes(before: Configuration, installed: InstalledSchedule | None, answers: Answers) -> list[Change]:
    """Return what the answers change, and settings that no file says yet."""
    settings, place = before.settings, answers.warehouse
    changes = []
    if _is_to_be_said(
        before, "warehouse", is_so=place.url == settings.warehouse or place.place == settings.parsed_warehouse()
    ):
        now = _now(before, "warehouse", str(settings.parsed_warehouse()))
        changes.append(Change("warehouse", now, str(place.place), toml_text(place.url)))
    if place.asked_password is not None:
        changes.append(Change("password", _now(before, "password", MASK), MASK, toml_text(place.asked_password)))
    if _is_to_be_said(before, "hash_projects", is_so=settings.hash_projects == answers.has_pseudonyms):
        now, then = (json.dumps(value) for value in (settings.hash_projects, answers.has_pseudonyms))
        changes.append(Change("hash_projects", _now(before, "hash_projects", now), then, then))
    if settings.budget.monthly != answers.budget_usd:
        now, then = (NOTHING if usd is None else f"{usd:f}" for usd in (settings.budget.monthly, answers.budget_usd))
        changes.append(Change(BUDGET, now, then, None if answers.budget_usd is None else then))
    if answers.schedule != KEEP and (installed or answers.schedule != NONE):
        now = installed.description if installed else NOTHING
        changes.append(Change(SCHEDULE, now, NOTHING if answers.schedule == NONE else f"every {answers.schedule}"))
    return changes


def _is_to_be_said(before: Configuration, name: str, *, is_so: bool) -> bool:
    return not is_so or before.origins[name] == "default"


def _now(before: Configuration, name: str, value: str) -> str:
    return NOTHING if before.origins[name] == "default" else value


def _are_agreed(file: Path, changes: list[Change], *, asks: bool, is_agreed: bool) -> bool:
    """Show what changes; what is there is changed only where somebody says so."""
    replaced = [change for change in changes if change.now != NOTHING]
    if replaced and not asks and not is_agreed:
        lines = tuple(f"{change.name}: {change.now}, would be {change.then}" for change in replaced)
        raise ConfigurationError("init: would change existing settings", details=lines, hint="to agree: --yes")
    if any(change.name != SCHEDULE for change in changes):
        print_wrapped(str(file))
    table = PlainTable(("setting", "now", "then"), texts=("now", "then"), wraps=("now", "then"))
    for change in changes:
        table.add_row(change.name, change.now, change.then)
    console().print(table)
    return not asks or ask_yes_or_no("Write this?", default=True)


def _set_up(file: Path, config: Path | None, changes: list[Change], interval: str) -> None:
    """Write the settings and then install the schedule, after both were tried."""
    settings = {change.name: change.toml for change in changes if change.name != SCHEDULE}
    is_scheduled = any(change.name == SCHEDULE for change in changes)
    text = changed(file, settings)
    after = configured({}, config, config_text=text)
    job = planned_job(after, interval, config) if is_scheduled and interval != NONE else None
    if settings:
        write_config(file, text)
        print_wrapped(f"written: {file}")
    known = schedulers.all_schedulers(after.directories, os.environ)
    if job:
        schedulers.install(job.scheduler, job.schedule, known)
        print(f"schedule: {job.scheduler.name}, {job.schedule.timing}")
        for hint in job.scheduler.hints(job.schedule):
            print_wrapped(f"hint: {hint}")
    elif is_scheduled:
        print(f"schedule: removed from {' and '.join(schedulers.remove(known, after.directories))}")


def _warn_of_environment(before: Configuration, changes: list[Change]) -> None:
    names = {change.name.partition(".")[0] for change in changes}
    ui.print_warnings(
        [
            f"{name}: the environment says otherwise, and wins over the file"
            for name in sorted(names & before.origins.keys())
            if before.origins[name] == "environment"
        ]
    )


def _next_command(before: Configuration, answers: Answers) -> str:
    if answers.warehouse.needs_migration:
        return "ccusage-import migrate"
    # Before its first import nothing of this machine is stored, whatever others have in that warehouse.
    is_stored = answers.warehouse.has_tables and before.installation
    if is_stored and before.settings.hash_projects != answers.has_pseudonyms:
        return "ccusage-import rename projects"
    return "ccusage-import import"

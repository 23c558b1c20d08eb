"""The program as lives drive it: the one module that knows how an import is started without processes.

Offers are handed to the importer's own steps, so that clock, window, version and directories are those of the life. All
lives share one embedded engine, which one process can open only once; each database is emptied before a life. `server`
stands for a server whose tables deduplicate INSERTs by token, as replicated ones do.
"""

from __future__ import annotations

import dataclasses
import json
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, ClassVar, Literal, NamedTuple

from ccusage_import.ccusage import offers
from ccusage_import.ccusage.archive import archives, export_loads, find_loads
from ccusage_import.ccusage.data_dirs import Sources
from ccusage_import.ccusage.fetcher import Fetched
from ccusage_import.ccusage.runner import parse_version
from ccusage_import.config.directories import Directories
from ccusage_import.config.kept.identity import complete_identity
from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import CcusageError, InvalidReportError
from ccusage_import.history import overrule
from ccusage_import.history.backup import back_up, read_backup, restore
from ccusage_import.history.compact import compact
from ccusage_import.history.push import push
from ccusage_import.history.rename_machine import rename_machine
from ccusage_import.history.rename_projects import rename_projects
from ccusage_import.history.replay import replay
from ccusage_import.import_summary import ImportOptions, ImportSummary
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.querying.counted_messages import read_sums
from ccusage_import.records import AGENT_REPORTS, CLAUDE, Provenance, report_label
from ccusage_import.rule.verify import verify
from ccusage_import.steps.reports import import_offer
from ccusage_import.steps.run import Run
from ccusage_import.steps.transcripts import import_transcripts_alone
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import FACT_TABLES, apply_migrations
from ccusage_import.warehouse.opening import cursor_file, import_lock, remember
from ccusage_import.warehouse.tables import read_taken_back
from tests.worlds.ccusage_model import COUNTED, REPORTS, USUAL, File, Line, Tree

LAPTOP, SERVER, RESTORED = "laptop", "server", "restored"
# Its rows have the shape of Claude Code's.
OTHER_AGENT = "pi"
# What 18 shows in place of sessions: one row a project.
TOTALS = "totals"
TABLES = ("records", "changes", "loads", "budgets", "machines", *FACT_TABLES, "folded_ids")


class Identity(NamedTuple):
    """What names a record."""

    machine: str
    report: str
    key: str


@dataclass(frozen=True, slots=True)
class Shown:
    """A record as the warehouse shows it."""

    identity: Identity
    load_id: int
    day: date
    tokens: int
    cost: Decimal
    unpriced: bool
    started_at: datetime | None
    ends_at: datetime | None
    version: str
    zone: str
    mode: str
    data_dirs: Sequence[str]


@dataclass(frozen=True, slots=True)
class Logged:
    """A row of `changes`."""

    identity: Identity
    load_id: int
    verdict: str
    reason: str
    is_written: bool
    stored_tokens: int
    offered_tokens: int


@dataclass(frozen=True, slots=True)
class State:
    """Everything that is compared: what is shown, what was logged, and the loads."""

    shown: Mapping[Identity, Shown]
    logged: Sequence[Logged]
    held: Mapping[Identity, int]
    loads: Mapping[int, Mapping[str, Any]]
    budgets: Sequence[tuple[Any, ...]]
    messages: Sequence[tuple[Any, ...]] = ()
    folded: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Installation:
    """One user's installation: who it is, and the settings that a life changes."""

    name: str
    machine: str
    salt: str = "salt"
    hash_projects: bool = True
    prices: Literal["follow", "freeze"] = "follow"
    budget: float | None = None

    def pseudonym(self, name: str) -> str:
        """Return what is stored for a name."""
        return Pseudonyms(self.salt, is_enabled=self.hash_projects).of(name)

    def digest(self, directory: str) -> str:
        """Return what is stored for a data directory."""
        return Pseudonyms(self.salt, is_enabled=self.hash_projects).always(directory)


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What ccusage printed, and what it was run with; a report without a document failed."""

    documents: Mapping[str, Mapping[str, Any] | None]
    started_at: datetime
    version: str
    zone: str
    mode: Literal["auto", "calculate", "display"]
    directories: tuple[str, ...]
    cleanup_days: int | None
    since: date = date.min
    until: date = date.max
    accepted: tuple[date, date] | None = None
    is_saved: bool = False
    reads_transcripts: bool = True
    tree: Tree = field(default_factory=dict)


class Silent:
    """Nobody looks on."""

    def started(self, report: str) -> None: ...
    def finished(self, report: str, seconds: float) -> None: ...
    def failed(self, report: str, error: CcusageError) -> None: ...
    def phase(self, name: str) -> None: ...
    def read(self, done: int, total: int) -> None: ...


@dataclass
class Program:
    """How a life's program is configured, and what ccusage hands to it."""

    root: Path
    agent: str = field(default=CLAUDE, kw_only=True)
    keeps_reports: ClassVar[bool] = False

    @property
    def reports(self) -> tuple[str, ...]:
        """The reports that ccusage has of the agent."""
        return REPORTS if self.agent == CLAUDE else AGENT_REPORTS

    def url(self, database: str) -> str:
        """Return the address of a database."""
        return f"chdb://{self.root}/engine?database={database}"

    def configuration(self, who: Installation, offer: Offer | None = None, database: str = LAPTOP) -> Configuration:
        """Return what an installation is configured with when it reads an offer."""
        home = self.root / "homes" / who.name
        settings = Settings.model_validate(
            {
                "warehouse": self.url(database),
                "machine": who.machine,
                "timezone": offer.zone if offer else "UTC",
                "mode": offer.mode if offer else "auto",
                "salt": who.salt,
                "hash_projects": who.hash_projects,
                "keep_raw": self.keeps_reports,
                "prices": who.prices,
                "budget": {"monthly": who.budget} if who.budget else {},
            }
        )
        directories = Directories(home / "config", home / "data", home / "state", home / "log")
        file = home / "config" / "config.toml"
        return Configuration(settings, {}, directories, f"installation-{who.name}", file, None)

    def handed(self, settings: Settings, who: Installation, offer: Offer) -> offers.Offer:
        """Return an offer as the importer gets it."""
        directories = () if offer.is_saved else tuple(sorted(map(who.digest, offer.directories)))
        documents = {report_label(report, self.agent): document for report, document in offer.documents.items()}
        return offers.Offer(
            outputs={
                label: InvalidReportError(label, ("failed",)) if document is None else _fetched(label, document)
                for label, document in documents.items()
            },
            provenance=Provenance(offer.version, offer.zone, offer.mode, directories),
            version_info=parse_version(offer.version),
            runner=offers.FILES if offer.is_saved else "configured",
            intact_from=None if offer.is_saved else self._sources(offer).intact_from(offer.started_at, settings.zone),
        )

    def _sources(self, offer: Offer) -> Sources:
        directory = self.root / "homes" / "claude"
        (directory / "projects").mkdir(parents=True, exist_ok=True)
        text = "{}" if offer.cleanup_days is None else json.dumps({"cleanupPeriodDays": offer.cleanup_days})
        (directory / "settings.json").write_text(text)
        return Sources((directory,), ())


@dataclass
class Lab(Program):
    """The program with its engine, and the directories of the life that runs.

    With `has_ledger` transcripts are read too.
    """

    has_ledger: bool = False
    keeps_reports: ClassVar[bool] = True
    _touched: set[str] = field(default_factory=lambda: {LAPTOP, SERVER, RESTORED})

    @contextmanager
    def running(self) -> Iterator[Lab]:
        """Keep the engine open: each opening of it from nothing takes a quarter of a second."""
        with self.opened("keeper"):
            for database in (LAPTOP, SERVER, RESTORED):
                with self.opened(database) as warehouse:
                    apply_migrations(warehouse)
            with self.opened(SERVER) as warehouse:
                for table in TABLES:
                    warehouse.command(f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 1000")
            yield self

    @contextmanager
    def opened(self, database: str) -> Iterator[ClickHouse]:
        """Open a database beside those that are open: what locks the engine's directory is this very process."""
        with open_warehouse(parse_warehouse_url(self.url(database))) as warehouse:
            (self.root / "engine.lock").unlink()
            yield warehouse

    def begin_life(self) -> None:
        """Empty every database and forget all names."""
        shutil.rmtree(self.root / "homes", ignore_errors=True)
        touched, self._touched = self._touched, {LAPTOP}
        for database in sorted(touched):
            with self.opened(database) as warehouse:
                for table in TABLES:
                    warehouse.command(f"TRUNCATE TABLE {table}")

    def run_import(self, who: Installation, offer: Offer, database: str = LAPTOP) -> ImportSummary:
        """Import an offer; raises what a user would see as an error."""
        self._touched.add(database)
        configuration = self.configuration(who, offer, database)
        options = ImportOptions(since=offer.since, until=offer.until, accepted=offer.accepted)
        handed = self.handed(configuration.settings, who, offer)
        if self.has_ledger and not offer.is_saved and offer.reads_transcripts:
            handed = replace(handed, directories=self._written(who, offer))
        with import_lock(configuration):
            run = Run.begin(configuration, options, Silent(), offer.started_at)
            return import_offer(run, handed)

    def _written(self, who: Installation, offer: Offer) -> tuple[Path, ...]:
        """Write the transcripts that are there as Claude Code does; return the data directories."""
        home = self.root / "homes" / who.name / "claude"
        wanted = {
            home / file.path: "".join(_printed(line, file) for line in told.lines) for file, told in offer.tree.items()
        }
        roots = tuple(home / name for name in offer.directories)
        for path in [path for root in roots for path in root.rglob("*.jsonl") if path not in wanted]:
            path.unlink()
        for path, text in wanted.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            known = path.read_text() if path.exists() else ""
            if known and text.startswith(known):
                with path.open("a") as transcript:
                    transcript.write(text[len(known) :])
            elif known != text:
                path.write_text(text)
        for root in roots:
            (root / "projects").mkdir(parents=True, exist_ok=True)
        return roots

    def undo(self, who: Installation, load_id: int, database: str = LAPTOP, *, forces: bool = False) -> int:
        """Take a load back and return the new load."""
        with import_lock(self.configuration(who)), self.opened(database) as warehouse:
            return overrule.undo(warehouse, load_id, forces=forces, installation=f"installation-{who.name}").load_id

    def accept(self, who: Installation, names: Sequence[str], database: str = LAPTOP) -> int:
        """Accept held records and return the new load."""
        with import_lock(self.configuration(who)), self.opened(database) as warehouse:
            return overrule.accept(warehouse, who.machine, names, {}).load.load_id

    def taken_back(self, who: Installation, database: str) -> dict[str, int]:
        """Return the days that a person took back, with the tokens up to which that holds."""
        with self.opened(database) as warehouse:
            known = read_taken_back(warehouse, who.machine)
        return {key: mark.tokens for (report, _, key), mark in known.items() if report == "daily"}

    def lose_cursor(self, who: Installation) -> None:
        """Lose the note of how far transcripts were read."""
        file = cursor_file(self.configuration(who))
        for path in file.parent.glob(f"{file.name}*"):
            path.unlink()

    def unexplained(self, who: Installation, offer: Offer) -> list[str]:
        """Return the differences that `verify` finds and does not explain."""
        configuration = self.configuration(who, offer)
        handed = self.handed(configuration.settings, who, offer)
        if self.has_ledger:
            handed = replace(handed, directories=self._written(who, offer))
        with import_lock(configuration):
            run = Run.begin(configuration, ImportOptions(is_dry_run=True), Silent(), offer.started_at)
            summary = import_offer(run, handed)
            with self.opened(LAPTOP) as warehouse:
                sums = read_sums(warehouse, who.machine) if self.has_ledger else []
                taken_back = read_taken_back(warehouse, who.machine).keys()
        found = verify(
            summary.stored,
            summary.offered,
            summary.decisions,
            summary.intact_from,
            parse_version(offer.version),
            (),
            sums,
            summary.gone,
            taken_back,
        )
        return [
            f"{one.check}: {one.subject}: {one.left_tokens} against {one.right_tokens}" for one in found.unexplained
        ]

    def read_transcripts(self, who: Installation, offer: Offer) -> None:
        """Read the transcripts alone."""
        configuration = self.configuration(who, offer)
        roots = self._written(who, offer)
        settings = configuration.settings.model_copy(update={"claude_dirs": roots})
        configuration = dataclasses.replace(configuration, settings=settings)
        with import_lock(configuration):
            run = Run.begin(configuration, ImportOptions(only_transcripts=True), Silent(), offer.started_at)
            import_transcripts_alone(run, {})

    def rename_machine(self, who: Installation, new: str, database: str = LAPTOP) -> None:
        """Give the machine another name."""
        configuration = self.configuration(who, database=database)
        complete_identity(configuration.directories.identity_file)
        rename_machine(configuration, new, is_dry_run=False)

    def rename_projects(self, who: Installation, database: str = LAPTOP) -> None:
        """Store projects as they are named now."""
        rename_projects(self.configuration(who, database=database), is_dry_run=False)

    def compact(self, who: Installation, before: date, zone: str) -> None:
        """Fold what is older than a day."""
        with import_lock(self.configuration(who)), self.opened(LAPTOP) as warehouse:
            compact(warehouse, who.machine, zone, before, is_dry_run=False)

    def replay(self, who: Installation) -> None:
        """Import the kept reports of the laptop's loads into an empty database."""
        self._touched.add(RESTORED)
        home = self.root / "homes" / who.name
        exported = home / "exported"
        shutil.rmtree(exported, ignore_errors=True)
        configuration = self.configuration(who, database=RESTORED)
        kept = configuration.directories.raw
        new = (home / f"new-{name}" for name in ("config", "data", "state", "log"))
        configuration = replace(configuration, directories=Directories(*new))
        shutil.rmtree(configuration.directories.state, ignore_errors=True)
        with self.opened(RESTORED) as warehouse:
            for table in TABLES:
                warehouse.command(f"TRUNCATE TABLE {table}")
        if archives(kept):
            export_loads(kept, exported, str(parse_warehouse_url(self.url(LAPTOP))))
            replay(configuration, ImportOptions(), {}, Silent(), find_loads(exported))

    def back_up(self, who: Installation, name: str, database: str = LAPTOP) -> None:
        """Back a database up."""
        directory = self.root / "homes" / who.name / "backups" / name
        shutil.rmtree(directory, ignore_errors=True)
        with import_lock(self.configuration(who)), self.opened(database) as warehouse:
            back_up(warehouse, directory, machine=who.machine)

    def restore(self, who: Installation, name: str, database: str = LAPTOP) -> None:
        """Empty a database, and fill it from a backup."""
        self._touched.add(database)
        configuration = self.configuration(who, database=database)
        with import_lock(configuration), self.opened(database) as warehouse:
            for table in TABLES:
                warehouse.command(f"TRUNCATE TABLE {table}")
            restore(warehouse, read_backup(self.root / "homes" / who.name / "backups" / name))
            remember(configuration, warehouse, forgets=True)

    def push(self, who: Installation) -> None:
        """Copy the laptop's database to the server's."""
        self._touched.add(SERVER)
        with import_lock(self.configuration(who)), self.opened(LAPTOP) as source, self.opened(SERVER) as target:
            push(source, target, f"installation-{who.name}")

    def backup_and_restore(self, who: Installation) -> None:
        """Back the laptop's database up and fill an empty one from it."""
        self._touched.add(RESTORED)
        directory = self.root / "homes" / who.name / "backup"
        shutil.rmtree(directory, ignore_errors=True)
        with import_lock(self.configuration(who)), self.opened(LAPTOP) as warehouse:
            back_up(warehouse, directory, machine=who.machine)
        with self.opened(RESTORED) as warehouse:
            for table in TABLES:
                warehouse.command(f"TRUNCATE TABLE {table}")
            restore(warehouse, read_backup(directory))

    def state(self, database: str = LAPTOP) -> State:
        """Read a database back."""
        with self.opened(database) as warehouse:
            return State(
                shown={item.identity: item for item in map(_shown, warehouse.rows(_RECORDS))},
                logged=[_logged(row) for row in warehouse.rows(_CHANGES)],
                held={Identity(*row[:3]): int(row[3]) for row in warehouse.rows(_HELD)},
                loads={int(row[0]): dict(zip(_LOAD_COLUMNS, row, strict=True)) for row in warehouse.rows(_LOADS)},
                budgets=[tuple(row) for row in warehouse.rows("SELECT * FROM budgets FINAL ORDER BY ALL")],
                messages=[tuple(row) for row in warehouse.rows(_MESSAGES)],
                folded={machine: int(tokens) for machine, tokens in warehouse.rows(_FOLDED)},
            )


_RECORDS = (
    f"SELECT machine, if(is_project_total, '{TOTALS}', report), key, load_id,"
    " day, total_tokens, cost_usd, unpriced, started_at, block_ends_at,"
    " ccusage_version, timezone, cost_mode, data_dirs FROM records FINAL"
)
_CHANGES = (
    f"SELECT machine, if(JSONExtractBool(if(offered = '', stored, offered), 'is_project_total'), '{TOTALS}', report),"
    " key, load_id, verdict, reason, is_written, stored_tokens, offered_tokens FROM changes"
    " WHERE (machine, load_id) IN (SELECT machine, load_id FROM loads FINAL WHERE state != 'renamed')"
    " ORDER BY load_id, report, key"
)
_HELD = "SELECT machine, report, key, offered_tokens FROM held_records"
_MESSAGES = (
    "SELECT machine, message_id, project, session_id, total_tokens FROM messages WHERE notEmpty(counts_in) ORDER BY ALL"
)
_LOAD_COLUMNS = (
    "load_id",
    "machine",
    "state",
    "installation",
    "undoes",
    "reports",
    "failed_reports",
    "verdicts",
    "tokens_after",
    "intact_from",
    "runner",
    "error",
    "started_at",
)
_LOADS = f"SELECT {', '.join(_LOAD_COLUMNS)} FROM loads FINAL WHERE state != 'renamed' ORDER BY load_id"
_FOLDED = (
    "SELECT machine, sum(input_tokens + output_tokens + cache_creation_5m_tokens + cache_creation_1h_tokens"
    " + cache_read_tokens) FROM folded_hours WHERE notEmpty(counts_in) GROUP BY machine"
)


def _shown(row: Sequence[Any]) -> Shown:
    names = [column.name for column in fields(Shown)][1:]
    return Shown(Identity(*row[:3]), **dict(zip(names, row[3:], strict=True)))


def _logged(row: Sequence[Any]) -> Logged:
    machine, report, key, *values = row
    return Logged(Identity(machine, report, key), *values)


def _printed(line: Line, file: File) -> str:
    """Return a line of a transcript; ccusage overlooks one with blanks."""
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    written = {
        "timestamp": line.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "sessionId": file.session,
        "version": "2.0.14",
        "requestId": f"request of {line.message}",
        "message": {"id": line.message, "model": line.model, "usage": dict(zip(names, line.tokens, strict=True))},
    }
    separators = (",", ":") if line.kind in COUNTED[USUAL] else (", ", ": ")
    return json.dumps(written, separators=separators) + "\n"


def _fetched(report: str, document: Mapping[str, Any]) -> Fetched:
    return Fetched(report, json.dumps(document).encode(), 0.0, 1)

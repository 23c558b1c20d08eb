"""An installation with usage in it, faults that befall its next import, and what must hold after each of them."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from ccusage_import.config.directories import Directories
from ccusage_import.config.kept.identity import keep_identity
from ccusage_import.config.layers import load_configuration
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, parse_warehouse_url
from ccusage_import.exceptions import FixableError
from ccusage_import.import_summary import ImportOptions, ImportSummary
from ccusage_import.importer import run_import
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.driver.embedded import connect_to_engine
from ccusage_import.warehouse.migrations import apply_migrations
from tests.faults.documents import save_generation
from tests.support.forks import Running, can_fork, origin_environ, start
from tests.support.gateway.running import Gateway
from tests.support.warm import ZONE, let_go, run_warm

PROJECT = Path(__file__).parent.parent.parent
MACHINE, OTHER_MACHINE = "laptop", "desktop"
VIEWS = ("daily", "monthly", "sessions", "blocks", "projects_daily", "model_breakdowns", "monthly_from_daily")
OTHERS_ROWS = {
    "records": f"SELECT * FROM records FINAL WHERE machine = '{OTHER_MACHINE}' ORDER BY report, agent, key",
    "changes": f"SELECT * FROM changes WHERE machine = '{OTHER_MACHINE}' ORDER BY load_id, report, agent, key",
    "loads": f"SELECT * FROM loads FINAL WHERE machine = '{OTHER_MACHINE}' ORDER BY load_id",
}
# What a load that died had logged counts for nothing; what it was about is logged again by the load that takes over.
LOGGED = (
    "SELECT report, key, verdict, is_written, count() FROM changes WHERE machine = {machine:String} AND load_id IN"
    " (SELECT load_id FROM loads FINAL WHERE machine = {machine:String} AND state = 'committed')"
    " GROUP BY ALL ORDER BY ALL"
)
TIMEOUT_SECONDS = 120


@dataclass(frozen=True)
class Installation:
    """The files of one user on one machine, and the warehouse its imports go to."""

    home: Path
    url: str
    machine: str = MACHINE
    # Where `tests.faults.stepped` is to take a few verdicts for many.
    logged_at_once: int | None = None

    @property
    def identity(self) -> dict[str, str]:
        """What the first run would have chosen."""
        return {"machine": self.machine, "timezone": "UTC", "salt": "5a17" * 16, "installation": self.machine * 4}

    def prepare(self) -> None:
        """Write down what the first run would choose, where the program looks for it."""
        self.home.mkdir(parents=True, exist_ok=True)
        _, path, _ = self.run("config", "path")
        keep_identity(Path(path.strip()).with_name("identity.toml"), self.identity)

    def environ(self) -> dict[str, str]:
        """The environment of every process of this installation."""
        own = {"HOME": str(self.home), "TZ": "UTC", "CCUSAGE_IMPORT_WAREHOUSE": self.url}
        if self.logged_at_once is not None:
            own["LOGGED_AT_ONCE"] = str(self.logged_at_once)
        return {**origin_environ(), **own}

    def start(
        self,
        *arguments: str | Path,
        environ: Mapping[str, str] | None = None,
        module: str = "ccusage_import",
        pass_fds: Sequence[int] = (),
    ) -> Running:
        """Start one command in a process group of its own."""
        return start(list(map(str, arguments)), {**self.environ(), **(environ or {})}, PROJECT, module, pass_fds)

    def run(self, *arguments: str | Path, **environ: str) -> tuple[int, str, str]:
        """Run one command to its end; its exit code, stdout and stderr."""
        whole = {**self.environ(), **environ}
        if can_fork(whole) and whole["TZ"] == ZONE:
            return run_warm(list(map(str, arguments)), whole, PROJECT)
        return self.run_apart(*arguments, **environ)

    def run_apart(self, *arguments: str | Path, **environ: str) -> tuple[int, str, str]:
        """Run one command in a process of its own, of which nothing is left that keeps a disk busy."""
        process = self.start(*arguments, environ=environ)
        stdout, stderr = process.communicate(timeout=TIMEOUT_SECONDS)
        return process.wait(), stdout, stderr

    def load(self, saved: Path) -> ImportSummary:
        """Import saved reports without a process of its own, and without waiting for any lock."""
        summary = run_import(self.configuration(), ImportOptions(saved_dir=saved), {})
        if summary.failed:
            raise RuntimeError(f"failed reports: {', '.join(summary.failed)}")
        return summary

    def configuration(self, **flags: Any) -> Configuration:
        """The configuration of `load`: the files are those the processes of this installation use."""
        directories = Directories(
            self._directory_of("identity.toml"),
            self._directory_of("names.json"),
            self._directory_of("import.lock"),
            self.home,
        )
        flags |= {"warehouse": self.url, "lock_wait_seconds": 0}
        return load_configuration(flags, {}, identity=self.identity, directories=directories)

    def _directory_of(self, name: str) -> Path:
        return next((file.parent for file in self.home.rglob(name)), self.home)

    @contextmanager
    def opened(self) -> Iterator[ClickHouse]:
        """Open the warehouse, without waiting for its lock."""
        let_go()
        with open_warehouse(parse_warehouse_url(self.url), lock_wait_seconds=0) as warehouse:
            yield warehouse

    @contextmanager
    def engine_stays(self) -> Iterator[None]:
        """Open the engine once for all that opens the warehouse within the block, which takes less than to open it."""
        warehouse = parse_warehouse_url(self.url)
        with self.opened():
            kept = closing(connect_to_engine(warehouse)) if isinstance(warehouse, EmbeddedWarehouse) else nullcontext()
        with kept:
            yield

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Read the warehouse back."""
        with self.opened() as warehouse:
            return [tuple(row) for row in warehouse.rows(sql)]


class FaultyLab(Protocol):
    """An installation that gets newer usage while a fault befalls it, and the judge of what becomes of it."""

    installation: Installation

    @property
    def restore(self) -> Callable[[], None]:
        """What brings back how it was before the fault."""

    @property
    def arguments(self) -> tuple[str | Path, ...]:
        """What the import is started with."""

    def load(self) -> None:
        """Import without a process of its own, and without waiting for any lock."""

    def meanwhile(self) -> AbstractContextManager[None]:
        """Return what else happens while an import runs."""

    def complaints(self) -> list[str]:
        """Say all that is wrong after a fault, then after the next import; nothing is good."""

    def examined(self) -> tuple[bool, list[str]]:
        """Return whether the newer usage is shown after a fault, and all that is wrong, also after the next import."""

    def shows_after(self) -> bool:
        """Whether the newer usage is shown."""


@dataclass(frozen=True)
class State:
    """All that must be as before or as after: what the views show but for load ids, what was logged, and the rest."""

    views: dict[str, list[tuple[Any, ...]]]
    others: dict[str, bytes]
    logged: list[tuple[Any, ...]]
    unfinished: int
    detached: int


def read_state(warehouse: ClickHouse) -> State:
    """Read everything that `State` holds; what does not exist yet holds nothing."""
    names = {row[0] for row in warehouse.rows("SELECT name FROM system.tables WHERE database = currentDatabase()")}

    def rows(table: str, sql: str) -> list[tuple[Any, ...]]:
        return [tuple(row) for row in warehouse.rows(sql, {"machine": MACHINE})] if table in names else []

    views = {view: rows(view, f"SELECT * EXCEPT (load_id) FROM {view} ORDER BY ALL") for view in VIEWS}
    others = {table: warehouse.raw(sql, "RowBinary", {}) for table, sql in OTHERS_ROWS.items() if table in names}
    running = rows("loads", "SELECT load_id FROM loads FINAL WHERE state = 'running'")
    detached = warehouse.rows("SELECT name FROM system.detached_parts WHERE database = currentDatabase()")
    return State(views, others, rows("loads", LOGGED), len(running), len(detached))


@dataclass
class Lab:
    """One installation before and after an import of newer reports, and the judge of everything in between."""

    installation: Installation
    newer: Path
    before: State
    after: State
    restore: Callable[[], None]

    @property
    def arguments(self) -> tuple[str | Path, ...]:
        """What the import is started with."""
        return ("--from", self.newer)

    def load(self) -> None:
        """Import without a process of its own, and without waiting for any lock."""
        self.installation.load(self.newer)

    def meanwhile(self) -> AbstractContextManager[None]:
        """Return what else happens while an import runs: nothing."""
        return nullcontext()

    def complaints(self) -> list[str]:
        """Say all that is wrong with the warehouse after a fault, then after the next import; nothing is good."""
        return self.examined()[1]

    def examined(self) -> tuple[bool, list[str]]:
        """Return whether the views show the newer reports after a fault, and all that is wrong."""
        try:
            with self.installation.engine_stays():
                found = _state(self.installation)
                self.load()
            healed = _state(self.installation)
        except FixableError as error:
            return False, [f"{type(error).__name__}: {error}"]
        return found.views == self.after.views, self._wrong(found, healed)

    def _wrong(self, found: State, healed: State) -> list[str]:
        wrong = [] if found.views in (self.before.views, self.after.views) else [self._mixed(found)]
        wrong += [f"other machines' {name} changed" for name in OTHERS_ROWS if self._differs(name, found, healed)]
        wrong += [f"{found.detached} parts were thrown out"] if found.detached else []
        wrong += ["the next import does not converge: " + self._mixed(healed)] * (healed.views != self.after.views)
        wrong += ["some change is not logged exactly once"] if healed.logged != self.after.logged else []
        wrong += ["a load stays running"] if healed.unfinished else []
        return wrong

    def shows_after(self) -> bool:
        """Whether the views show the newer reports."""
        return _state(self.installation).views == self.after.views

    def _differs(self, name: str, *states: State) -> bool:
        return any(state.others.get(name, b"") != self.before.others.get(name, b"") for state in states)

    def _mixed(self, found: State) -> str:
        names = {
            view: "before" if rows == self.before.views[view]
            else "after" if rows == self.after.views[view]
            else f"neither ({len(rows)} rows)"
            for view, rows in found.views.items()
        }  # fmt: skip
        return ", ".join(f"{view} {state}" for view, state in names.items())


def embedded_lab(root: Path, *, is_first: bool = False, logged_at_once: int | None = None) -> Lab:
    """Make a user with an embedded warehouse that holds older reports of two machines; or nothing, with `is_first`."""
    home, kept = root / "home", root / "kept"
    installation = Installation(home, f"chdb://{home}/warehouse", logged_at_once=logged_at_once)
    installation.prepare()
    if not is_first:
        _fill(installation, root)
    before = _state(installation) if not is_first else State({view: [] for view in VIEWS}, {}, [], 0, 0)
    shutil.copytree(home, kept, symlinks=True)
    return _lab(root, installation, before, partial(_restore_files, home, kept))


def http_lab(root: Path, gateway: Gateway) -> Lab:
    """Make a user whose warehouse, with older reports of two machines, is behind HTTP."""
    installation = new_user(root / "home", gateway.url(database="ccusage"))
    _fill(new_user(root / "home", gateway.url(database="kept")), root)
    restore = partial(_restore_from_kept, installation)
    restore()
    return _lab(root, installation, _state(installation), restore)


def copied(lab: Lab, root: Path) -> Lab:
    """Return an embedded lab whose files are a copy; by its URL alone is written down what a warehouse held."""
    home, kept = root / "home", root / "kept"
    installation = Installation(home, f"chdb://{home}/warehouse")
    shutil.copytree(lab.newer.with_name("kept"), kept, symlinks=True)
    for file in kept.rglob("warehouses.json"):
        file.write_text(file.read_text().replace(lab.installation.url, installation.url))
    return replace(lab, installation=installation, restore=partial(_restore_files, home, kept))


def _restore_files(home: Path, kept: Path) -> None:
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(kept, home, symlinks=True)


def moved(lab: Lab, home: Path, gateway: Gateway) -> Lab:
    """Return a lab whose files and server were copied while nothing ran."""
    installation = Installation(home, gateway.url(database="ccusage"))
    return replace(lab, installation=installation, restore=partial(_restore_from_kept, installation))


def _restore_from_kept(installation: Installation) -> None:
    restore_rows(installation)
    for file in installation.home.rglob("warehouses.json"):
        file.unlink()


def restore_rows(installation: Installation) -> None:
    """Bring back what the server held before the newer reports, as a copy of the server from then does."""
    with installation.opened() as warehouse:
        for table in ("records", "changes", "loads"):
            warehouse.command(f"ALTER TABLE {table} REPLACE PARTITION tuple() FROM kept.{table}")


def new_user(home: Path, url: str) -> Installation:
    """Make a user whose server has all tables and views, but no rows."""
    installation = Installation(home, url)
    installation.prepare()
    with open_warehouse(parse_warehouse_url(url), creates_database=True) as warehouse:
        apply_migrations(warehouse)
    return installation


def _fill(installation: Installation, root: Path) -> None:
    exit_code, _, stderr = installation.run("import", "--from", save_generation(root / "older", 0))
    if exit_code:
        raise RuntimeError(stderr)
    Installation(root / "other", installation.url, OTHER_MACHINE).load(save_generation(root / "others", 2))


def _lab(root: Path, installation: Installation, before: State, restore: Callable[[], None]) -> Lab:
    newer = save_generation(root / "newer", 1)
    installation.load(newer)
    after = _state(installation)
    restore()
    return Lab(installation, newer, before, after, restore)


def _state(installation: Installation) -> State:
    with installation.opened() as warehouse:
        return read_state(warehouse)

"""Transcripts that are being read when a fault befalls the reading, and what must hold of the facts after it."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import FixableError
from ccusage_import.import_summary import SILENT, ImportOptions, ImportSummary
from ccusage_import.importer import run_import
from ccusage_import.transcripts.cursor import FileState, look_into_cursor
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from ccusage_import.warehouse.opening import cursor_marks
from tests.faults.harness import MACHINE, Installation, new_user
from tests.support.claude_dir import ClaudeDir
from tests.support.gateway.running import Gateway

CORPUS = Path(__file__).parent.parent / "corpora" / "facts"
# What is read before the fault, and what of the same and of other sessions is there when it happens.
OLDER = ("01-result-later/1", "07-retries/1", "11-subagent-file/1", "15-resumed/1", "16-midnight/1")
NEWER = ("01-result-later/2", "03-parallel-calls/1", "09-compactions/1", "15-resumed/2", "16-midnight/2")
GROWING, ANSWERS, READ_BEFORE = "grows", 400, 20_005
FIRST = datetime(2026, 3, 2, 8, tzinfo=UTC)
PIECE, PAUSE_SECONDS = 997, 0.004
# What distinguishes the rows of a view.
KEYS = {"messages": "message_id", "tool_calls": "call_id", "turns": "turn_id", "events": "(kind, at, session_id)"}
VIEWS = {
    view: f"SELECT {key} AS shown_key, * EXCEPT (load_id) FROM {view} WHERE machine = {{machine:String}} ORDER BY ALL"
    for view, key in KEYS.items()
}
UNFINISHED = "SELECT load_id FROM loads FINAL WHERE state = 'running'"
State = dict[str, list[tuple[Any, ...]]]


@dataclass
class FactsLab:
    """One installation before and after a reading of transcripts that grew, and the judge of everything in between."""

    installation: Installation
    tree: Path
    restore: Callable[[], None]
    before: State
    after: State
    read_before: dict[str, FileState]

    @property
    def arguments(self) -> tuple[str | Path, ...]:
        """What the import is started with."""
        return ("--transcripts-only", "--claude-dir", self.tree)

    def load(self) -> None:
        """Read without a process of its own, and without waiting for any lock."""
        _read(self.installation, self.tree)

    def shows_after(self) -> bool:
        """Whether everything is shown that there was to read."""
        return _shown(self.installation) == self.after

    @contextmanager
    def meanwhile(self) -> Iterator[None]:
        """Let one of the transcripts grow, its lines in pieces; at the end it is whole."""
        file = ClaudeDir(self.tree).file(GROWING)
        whole, is_over = file.read_bytes(), threading.Event()
        with file.open("r+b") as stream:
            stream.truncate(READ_BEFORE)

        def grow() -> None:
            with file.open("ab") as stream:
                for begin in range(READ_BEFORE, len(whole), PIECE):
                    stream.write(whole[begin : begin + PIECE])
                    stream.flush()
                    is_over.wait(PAUSE_SECONDS)

        writer = threading.Thread(target=grow)
        writer.start()
        try:
            yield
        finally:
            is_over.set()
            writer.join()

    def complaints(self) -> list[str]:
        """Say all that is wrong with the facts after a fault, then after the next reading; nothing is good."""
        return self.examined()[1]

    def examined(self) -> tuple[bool, list[str]]:
        """Return whether everything is shown that there was to read, and all that is wrong."""
        try:
            with self.installation.engine_stays():
                shows_after, wrong = self.shows_after(), list(self._wrong_now())
                self.load()
            with self.installation.engine_stays():
                with self.installation.opened() as warehouse:
                    healed, unfinished = _shown_in(warehouse), len(warehouse.rows(UNFINISHED))
                again = _read(self.installation, self.tree)
        except FixableError as error:
            return False, [f"{type(error).__name__}: {error}"]
        wrong += [f"the next reading does not converge: {view}" for view in VIEWS if healed[view] != self.after[view]]
        wrong += [f"{unfinished} loads stay running"] * bool(unfinished)
        wrong += ["something was left to read"] * (again.load_id is not None)
        return shows_after, wrong

    def _wrong_now(self) -> Iterator[str]:
        found, read = _shown(self.installation), _cursor(self.installation)
        for view, rows in found.items():
            if len({row[0] for row in rows}) < len(rows):
                yield f"some {view} stand there twice"
        grown = {view: len(rows) for view, rows in found.items()}
        if any(count > len(self.after[view]) for view, count in grown.items()):
            yield f"more than there is: {grown}"
        is_ahead = any(
            state.position > (before.position if (before := self.read_before.get(name)) else 0)
            for name, state in read.items()
        )
        if is_ahead and any(len(found[view]) <= len(self.before[view]) for view in VIEWS):
            yield f"the cursor is ahead of the facts: {grown}"


def embedded_facts_lab(root: Path) -> FactsLab:
    """Make a user with an embedded warehouse that holds what was there of some transcripts earlier."""
    home, kept = root / "home", root / "kept"
    installation = Installation(home, f"chdb://{home}/warehouse")
    installation.prepare()

    def restore() -> None:
        shutil.rmtree(home, ignore_errors=True)
        shutil.copytree(kept, home, symlinks=True)

    return _lab(root, installation, lambda: shutil.copytree(home, kept, symlinks=True), restore)


def http_facts_lab(root: Path, gateway: Gateway) -> FactsLab:
    """Make a user whose warehouse, with what was there of some transcripts earlier, is behind HTTP."""
    installation, kept = new_user(root / "home", gateway.url(database="facts")), root / "kept"
    tables = ("message_facts_by_month", "tool_call_facts_by_month", "turn_facts", "event_facts", "loads")
    with open_warehouse(parse_warehouse_url(gateway.url(database="facts_kept")), creates_database=True) as warehouse:
        apply_migrations(warehouse)

    def copy(source: str, target: str) -> None:
        with installation.opened() as warehouse:
            for table in tables:
                warehouse.command(f"ALTER TABLE {target}.{table} REPLACE PARTITION tuple() FROM {source}.{table}")

    def keep() -> None:
        copy("facts", "facts_kept")
        shutil.copytree(installation.home, kept, symlinks=True)

    def restore() -> None:
        copy("facts_kept", "facts")
        shutil.rmtree(installation.home)
        shutil.copytree(kept, installation.home, symlinks=True)

    return _lab(root, installation, keep, restore)


def _lab(root: Path, installation: Installation, keep: Callable[[], object], restore: Callable[[], None]) -> FactsLab:
    claude = ClaudeDir(root / "claude")
    _place(claude, OLDER)
    for number in range(ANSWERS):
        claude.say(GROWING, FIRST + timedelta(minutes=number), 100 + number)
    whole = claude.file(GROWING).read_bytes()
    with claude.file(GROWING).open("r+b") as stream:
        stream.truncate(READ_BEFORE)
    # By a process, which makes the directories that all others use.
    exit_code, _, stderr = installation.run("import", "--transcripts-only", "--claude-dir", claude.root)
    if exit_code:
        raise RuntimeError(stderr)
    before, read_before = _shown(installation), _cursor(installation)
    keep()
    _place(claude, NEWER)
    with claude.file(GROWING).open("ab") as stream:
        stream.write(whole[READ_BEFORE:])
    _read(installation, claude.root)
    after = _shown(installation)
    restore()
    return FactsLab(installation, claude.root, restore, before, after, read_before)


def _place(claude: ClaudeDir, groups: tuple[str, ...]) -> None:
    for group in groups:
        for project in (CORPUS / group / "projects").iterdir():
            target = claude.root / "projects" / f"{group[:2]}{project.name}"
            shutil.copytree(project, target, dirs_exist_ok=True)


def _read(installation: Installation, tree: Path) -> ImportSummary:
    options = ImportOptions(only_transcripts=True)
    summary = run_import(installation.configuration(claude_dirs=(tree,)), options, {}, SILENT)
    if summary.facts and summary.facts.error:
        raise summary.facts.error
    return summary


def _shown(installation: Installation) -> State:
    with installation.opened() as warehouse:
        return _shown_in(warehouse)


def _shown_in(warehouse: ClickHouse) -> State:
    return {view: [tuple(row) for row in warehouse.rows(sql, {"machine": MACHINE})] for view, sql in VIEWS.items()}


def _cursor(installation: Installation) -> dict[str, FileState]:
    files = list(installation.home.rglob("transcripts.sqlite"))
    return look_into_cursor(files[0], cursor_marks(installation.configuration())) if files else {}

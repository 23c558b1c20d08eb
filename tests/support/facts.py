"""Reads trees of transcripts into a warehouse, as the step of an import does."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ccusage_import.config.directories import Directories
from ccusage_import.config.layers import load_configuration
from ccusage_import.config.settings import Configuration
from ccusage_import.import_summary import SILENT, FactsSummary, ImportProgress
from ccusage_import.steps.facts import import_facts
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.tables import Load, next_load_id, write_load
from tests.conftest import CORPORA

Tokens = tuple[int, int, int, int]
# Real sessions that are too large to be kept here; each directory with transcripts below it is a corpus.
MORE_CORPORA = os.environ.get("CCUSAGE_IMPORT_TEST_CORPORA")
LARGER = [CORPORA / name for name in ("edge", "active", "transcripts-edge", "june", "september", "agents/claude")]
LARGER += sorted(Path(MORE_CORPORA).glob("real/*")) if MORE_CORPORA else []


def name_of(corpus: Path) -> str:
    """Return what a test on a corpus is called."""
    return "/".join(corpus.parts[-2:])


@dataclass
class Reader:
    """One installation that reads transcripts into an open warehouse; its state lies below `home`."""

    warehouse: ClickHouse
    home: Path
    machine: str = "studio"
    timezone: str = "UTC"
    salt: str = "salt"
    hashes: bool = True
    _runs: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    @property
    def configuration(self) -> Configuration:
        """What an import would be configured with."""
        flags: Mapping[str, Any] = {
            "warehouse": f"chdb://{self.home}/warehouse",
            "machine": self.machine,
            "timezone": self.timezone,
            "salt": self.salt,
            "hash_projects": self.hashes,
        }
        return load_configuration(flags, {}, identity={}, directories=self.directories, config_text="\n")

    @property
    def directories(self) -> Directories:
        """Where its files are."""
        return Directories(self.home / "config", self.home / "data", self.home / "state", self.home / "log")

    @property
    def cursor(self) -> Path:
        """The file that says how far each transcript was read."""
        return self.directories.state / "transcripts.sqlite"

    def read(self, *roots: Path, progress: ImportProgress = SILENT) -> FactsSummary:
        """Read what is new in data directories, as a load of its own."""
        load = Load(next_load_id(self.warehouse, self.machine), self.machine, datetime.now(UTC), state="committed")
        write_load(self.warehouse, load)
        settings = self.configuration.settings
        summary = import_facts(self.configuration, self.warehouse, roots, load, settings.pseudonyms(), progress)
        if summary.error:
            raise summary.error
        return summary

    def one(self, sql: str) -> Any:
        """Return the first value that a query of this machine's rows gives."""
        return self.warehouse.rows(sql, {"machine": self.machine})[0][0]

    def pairs(self, sql: str) -> dict[Any, Any]:
        """Return a query's first column with its second, or with all others."""
        rows = self.warehouse.rows(sql, {"machine": self.machine})
        return {row[0]: row[1] if len(row) == 2 else tuple(row[1:]) for row in rows}


def become(tree: Path, step: Path) -> None:
    """Make a tree equal to another one: append to files that only grew, write the others anew, delete what is gone."""
    for file in [path for path in tree.rglob("*") if path.is_file()]:
        if not (step / file.relative_to(tree)).exists():
            file.unlink()
    for file in [path for path in step.rglob("*") if path.is_file()]:
        target = tree / file.relative_to(step)
        old, new = target.read_bytes() if target.exists() else None, file.read_bytes()
        target.parent.mkdir(parents=True, exist_ok=True)
        if old is None:
            shutil.copyfile(file, target)
        elif new != old and new.startswith(old):
            with target.open("ab") as stream:
                stream.write(new[len(old) :])
        elif new != old:
            target.write_bytes(new)

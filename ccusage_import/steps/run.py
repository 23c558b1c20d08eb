"""What one import was started with, and the seconds of its phases."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from ccusage_import.config.kept.names import read_names
from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.days import utc_instant
from ccusage_import.import_summary import ImportOptions, ImportProgress
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.warehouse.clickhouse_client import ClickHouse

if TYPE_CHECKING:
    from ccusage_import.ccusage.archive import ReportArchive


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one import was started with, and what it notes as it goes.

    Attributes:
        configuration: the settings, and where files are.
        options: what was asked for on the command line.
        progress: hears which phase begins.
        started_at: when it began, in UTC; of a kept load that is replayed, when that one began.
        pseudonyms: turns names into their stored form, and remembers those it met.
        known_names: pseudonym to name, from earlier imports.
        archive: collects the reports, where they are kept.
        already_open: the warehouse, where the caller has it open.
        phases: seconds by phase.
    """

    configuration: Configuration
    options: ImportOptions
    progress: ImportProgress
    started_at: datetime
    pseudonyms: Pseudonyms
    known_names: Mapping[str, str]
    archive: ReportArchive | None
    already_open: ClickHouse | None = None
    phases: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        configuration: Configuration,
        options: ImportOptions,
        progress: ImportProgress,
        now: datetime | None = None,
        already_open: ClickHouse | None = None,
    ) -> Run:
        """Return a run that begins now, or when its kept load began."""
        keeps_reports = configuration.settings.keep_raw and options.note is None
        return cls(
            configuration=configuration,
            options=options,
            progress=progress,
            started_at=utc_instant(now or (options.note.started_at if options.note else datetime.now(UTC))),
            pseudonyms=configuration.settings.pseudonyms(),
            known_names=read_names(configuration.directories.names_file),
            archive=_new_archive() if keeps_reports else None,
            already_open=already_open,
        )

    @property
    def settings(self) -> Settings:
        """The settings of its configuration."""
        return self.configuration.settings

    @property
    def today(self) -> date:
        """The day on which it began, in the zone of the settings."""
        return self.settings.today(self.started_at)

    @property
    def names(self) -> dict[str, str]:
        """Pseudonym to name, with those that were met since it began."""
        return {**self.known_names, **self.pseudonyms.names}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        """Measure what happens inside a `with` block, and tell the progress that it begins."""
        self.progress.phase(name)
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = round(time.perf_counter() - begun, 3)


def _new_archive() -> ReportArchive:
    from ccusage_import.ccusage.archive import ReportArchive

    return ReportArchive()

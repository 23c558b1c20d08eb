"""What one import was started with, and the seconds of its phases."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime

from ccusage_import.ccusage.archive import ReportArchive
from ccusage_import.config.names import read_names
from ccusage_import.config.settings import Configuration, Settings
from ccusage_import.days import utc_instant
from ccusage_import.import_summary import ImportOptions, ImportProgress
from ccusage_import.pseudonyms import Pseudonyms
from ccusage_import.warehouse.clickhouse_client import ClickHouse


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What one import was started with. `phases` gets the seconds of each phase, `archive` the reports.

    `held` is the warehouse where whoever runs the import has it open already.
    """

    configuration: Configuration
    options: ImportOptions
    progress: ImportProgress
    started_at: datetime
    pseudonyms: Pseudonyms
    known_names: Mapping[str, str]
    archive: ReportArchive | None
    held: ClickHouse | None = None
    phases: dict[str, float] = field(default_factory=dict)

    @classmethod
    def begin(
        cls,
        configuration: Configuration,
        options: ImportOptions,
        progress: ImportProgress,
        now: datetime | None = None,
        held: ClickHouse | None = None,
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
            archive=ReportArchive() if keeps_reports else None,
            held=held,
        )

    @property
    def settings(self) -> Settings:
        return self.configuration.settings

    @property
    def today(self) -> date:
        return self.settings.today(self.started_at)

    @property
    def names(self) -> dict[str, str]:
        return {**self.known_names, **self.pseudonyms.names}

    @contextmanager
    def phase(self, name: str) -> Iterator[None]:
        self.progress.phase(name)
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.phases[name] = round(time.perf_counter() - begun, 3)

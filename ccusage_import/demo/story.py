"""What the demo shows: an import, Claude Code deletes old transcripts, and another import that loses nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ccusage_import.ccusage.data_dirs import find_sources, provenance_now
from ccusage_import.ccusage.fetcher import Fetched
from ccusage_import.ccusage.offers import Offer
from ccusage_import.ccusage.runner import parse_version
from ccusage_import.config.settings import Configuration
from ccusage_import.demo.place import SWEPT_AGE, Place, delete_old
from ccusage_import.demo.reports import RecordedPrices, reports_of
from ccusage_import.import_summary import ImportOptions, ImportProgress, ImportSummary
from ccusage_import.steps.last_offer import keep_offer
from ccusage_import.steps.reports import import_offer
from ccusage_import.steps.run import Run
from ccusage_import.versions import PINNED_VERSION
from ccusage_import.warehouse.opening import import_lock

# What stands for a runner.
RECORDED = "recorded"


@dataclass(frozen=True, slots=True)
class Demo:
    """The first import, how many transcripts were deleted then, and the import after that; a dry run is one import."""

    first: ImportSummary
    deleted: int = 0
    second: ImportSummary | None = None


def run_demo(
    configuration: Configuration,
    options: ImportOptions,
    environ: Mapping[str, str],
    progress: ImportProgress,
    *,
    place: Place,
) -> Demo:
    """Import the samples, delete what Claude Code would delete of them, and import again."""
    with import_lock(configuration):
        run = Run.begin(configuration, options, progress)
        first = import_offer(run, _offer(run, environ))
        if options.is_dry_run:
            return Demo(first)
        deleted = delete_old(place.claude, run.started_at - SWEPT_AGE)
        run = Run.begin(configuration, options, progress)
        second = import_offer(run, _offer(run, environ))
    keep_offer(configuration, options, second)
    return Demo(first, deleted, second)


def _offer(run: Run, environ: Mapping[str, str]) -> Offer:
    """Return what ccusage would offer of the samples."""
    settings = run.settings
    recorded = RecordedPrices.read()
    with run.phase("fetch"):
        sources = find_sources(settings.claude_dirs, environ)
        reports = reports_of(sources.found[0], settings.zone, settings.mode, run.started_at, recorded)
    return Offer(
        outputs={name: Fetched(name, reports[name], 0.0, 1) for name in run.options.reports},
        provenance=provenance_now(settings, PINNED_VERSION, sources.found, run.pseudonyms),
        version_info=parse_version(PINNED_VERSION),
        runner=RECORDED,
        intact_from=sources.intact_from(run.started_at, settings.zone),
        prices=recorded,
        directories=sources.found,
    )

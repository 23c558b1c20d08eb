"""Prometheus metrics of a run of the importer: a file for node_exporter, and the Pushgateway.

What a run does not know is left out, never zero: a run that failed knows nothing of its reports, one that could not
look at the warehouse knows no totals.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import SecretStr

from ccusage_import import __version__
from ccusage_import.config.settings import Settings
from ccusage_import.exceptions import AnnouncementError
from ccusage_import.files import replace_file
from ccusage_import.import_summary import FactsSummary, ImportSummary
from ccusage_import.monitoring.http_calls import call
from ccusage_import.monitoring.outcome import RunOutcome
from ccusage_import.rule.verdicts import Verdict
from ccusage_import.transcripts.facts import FACT_KINDS
from ccusage_import.warehouse.snapshot import Snapshot

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from ccusage_import.checks.health import HealthReport

PREFIX = "ccusage_import_"
JOB = "ccusage_import"
METRICS = {
    "last_run_timestamp_seconds": "When the last run ended, failed or not.",
    "last_run_success": "1 if all of the last run went well, else 0.",
    "last_run_exit_code": "Exit code of the last run.",
    "last_success_timestamp_seconds": "When the last run ended in which all went well.",
    "stale_after_seconds": "Age of the last success above which the data is stale, as configured.",
    "run_duration_seconds": "How long the last run took.",
    "peak_memory_bytes": "Largest resident memory of the last run or one of its processes.",
    "phase_duration_seconds": "How long a phase of the last run took.",
    "report_duration_seconds": "How long ccusage took for a report of the last run.",
    "report_records": "Records that a report of the last run offered, by verdict.",
    "report_failures": "1 if a report of the last run failed, with the reason, else 0.",
    "facts": "Facts that the last run read from the transcripts and that are new, by kind.",
    "transcript_bytes": "Bytes of transcripts that the last run read.",
    "transcript_unread_bytes": "Bytes of transcripts that the last run left unread.",
    "transcript_problems": "Lines, records and files of the transcripts that the last run did not understand, by kind.",
    "info": "Versions of the last run, and how ccusage was found.",
    "held_records": "Records that stay as they are although a smaller number was offered.",
    "cost_dollars": "Cost of all kept days, in US dollars.",
    "tokens": "Tokens of all kept days.",
    "budget_limit_dollars": "What the configuration allows to be spent in a day or month.",
    "budget_spent_dollars": "What was spent of it in the current day or month, by all machines.",
    "quota_used_ratio": "What was used of a quota in the current block or week, as a share of it.",
}


WATCH_JOB = f"{JOB}_watch"
WATCH_METRICS = {
    "watch_up": "1 while `watch` runs, 0 when it has ended; one that was killed leaves 1 and writes no more.",
    "watch_written_timestamp_seconds": "When `watch` last wrote its metrics.",
    "watch_last_stored_timestamp_seconds": "When `watch` last stored something.",
    "watch_lag_seconds": "How long a change has waited that `watch` has not stored.",
    "watch_files": "Transcripts that `watch` watches.",
    "watch_backlog_bytes": "Bytes of transcripts that are not stored as facts yet.",
    "watch_healthy": "1 if `watch` found nothing wrong at its last look, else 0.",
    "disk_free_bytes": "Free space on the warehouse's disk.",
    "last_push_timestamp_seconds": "When the warehouse was last pushed to a server from here.",
    "newest_backup_timestamp_seconds": "When the newest backup was made from here that is still there.",
}


class Sample(NamedTuple):
    """One value of one metric; the machine is added to the labels when it is written."""

    metric: str
    value: float | Decimal
    labels: Mapping[str, str] = {}


def write_metrics(settings: Settings, outcome: RunOutcome) -> None:
    """Replace `metrics_file`, if there is one, by the metrics of a run; others may read it, and never half of it.

    Raises:
        AnnouncementError: it cannot be written.
    """
    if settings.metrics_file:
        _write(settings.metrics_file, outcome.machine, _samples(settings, outcome))


def write_watch_metrics(settings: Settings, health: HealthReport) -> None:
    """Replace the file beside `metrics_file`, its name ending in `-watch`, by what `watch` knows of itself.

    Raises:
        AnnouncementError: it cannot be written.
    """
    if file := settings.metrics_file:
        _write(file.with_stem(f"{file.stem}-watch"), settings.machine, _of_watch(health))


def push_watch_metrics(settings: Settings, health: HealthReport) -> None:
    """Push what `watch` knows of itself to `pushgateway`, as this machine's group of a job of its own.

    Raises:
        AnnouncementError: it does not answer, or refuses them.
    """
    if settings.pushgateway is not None:
        _client().push_to_gateway(
            settings.pushgateway.get_secret_value(),
            WATCH_JOB,
            _registry(settings.machine, _of_watch(health)),
            grouping_key={"machine": settings.machine},
            handler=_send,
        )


def _write(file: Path, machine: str, samples: Iterable[Sample]) -> None:
    text = _client().generate_latest(_registry(machine, samples))
    try:
        # Others may read it; node_exporter reads no file whose name does not end in .prom.
        replace_file(file, text, mode=0o644, durable=False)
    except OSError as error:
        raise AnnouncementError(
            f"metrics_file {file}: {error.strerror}", hint="let the user of the import write into this directory"
        ) from None


def push_metrics(settings: Settings, outcome: RunOutcome) -> None:
    """Push the metrics of a run to `pushgateway`, if there is one, as the group of this machine.

    A run that went well and knows everything replaces the group; any other adds what it knows, and the rest stays as
    it was pushed before.

    Raises:
        AnnouncementError: it does not answer, or refuses them.
    """
    if settings.pushgateway is None:
        return
    client = _client()
    replaces = outcome.is_success and outcome.snapshot is not None
    push = client.push_to_gateway if replaces else client.pushadd_to_gateway
    push(
        settings.pushgateway.get_secret_value(),
        JOB,
        _registry(outcome.machine, _samples(settings, outcome)),
        grouping_key={"machine": outcome.machine},
        handler=_send,
    )


def _send(*, url: str, method: str, headers: list[tuple[str, str]], data: bytes, **_: Any) -> Callable[[], None]:
    """Do what the client asks of a handler; how long to wait is decided where all calls are made."""
    return lambda: call("Pushgateway", method, SecretStr(url), data, dict(headers))


def _client() -> Any:
    """Import the client only where somebody wants metrics: it takes 40 ms."""
    return import_module("prometheus_client")


def _registry(machine: str, samples: Iterable[Sample]) -> CollectorRegistry:
    client = _client()
    registry: CollectorRegistry = client.CollectorRegistry()
    gauges: dict[str, Any] = {}
    told = METRICS | WATCH_METRICS
    for metric, value, labels in samples:
        if metric not in gauges:
            gauges[metric] = client.Gauge(PREFIX + metric, told[metric], ("machine", *labels), registry=registry)
        gauges[metric].labels(machine=machine, **labels).set(value)
    return registry


def _samples(settings: Settings, outcome: RunOutcome) -> Iterator[Sample]:
    """Return all that is known after a run."""
    yield Sample("last_run_timestamp_seconds", outcome.finished_at.timestamp())
    yield Sample("last_run_success", outcome.is_success)
    yield Sample("last_run_exit_code", outcome.exit_code)
    # The warehouse still knows where the state directory was lost, as in a container.
    last_success = outcome.last_success_at or (outcome.snapshot.last_success_at if outcome.snapshot else None)
    if last_success is not None:
        yield Sample("last_success_timestamp_seconds", last_success.timestamp())
    yield Sample("stale_after_seconds", settings.stale_after_hours * 3600)
    yield Sample("run_duration_seconds", outcome.seconds)
    yield Sample("peak_memory_bytes", outcome.peak_memory_bytes)
    if outcome.summary is not None:
        yield from _of_reports(outcome.summary)
        if outcome.summary.facts is not None:
            yield from _of_transcripts(outcome.summary.facts)
    if outcome.snapshot is not None:
        yield from _of_warehouse(outcome.snapshot, settings)


def _of_watch(health: HealthReport) -> Iterator[Sample]:
    """Return all that is known of a watch and of what it looked at."""
    yield Sample("watch_healthy", health.is_healthy)
    if watch := health.watch:
        yield Sample("watch_up", watch.phase != "ended")
        yield Sample("watch_written_timestamp_seconds", watch.written_at.timestamp())
        yield Sample("watch_lag_seconds", watch.behind_seconds)
        yield Sample("watch_files", watch.files)
        if watch.last_stored_at:
            yield Sample("watch_last_stored_timestamp_seconds", watch.last_stored_at.timestamp())
    for metric, size in (("watch_backlog_bytes", health.backlog_bytes), ("disk_free_bytes", health.disk_free_bytes)):
        if size is not None:
            yield Sample(metric, size)
    for metric, at in (
        ("last_push_timestamp_seconds", health.last_push_at),
        ("newest_backup_timestamp_seconds", health.newest_backup_at),
    ):
        if at is not None:
            yield Sample(metric, at.timestamp())


def _of_reports(summary: ImportSummary) -> Iterator[Sample]:
    versions = {"version": __version__, "ccusage_version": summary.ccusage_version}
    yield Sample("info", 1, {**versions, "runner": summary.runner})
    for phase, seconds in summary.phases.items():
        yield Sample("phase_duration_seconds", seconds, {"phase": phase})
    for report, item in summary.reports.items():
        if item.seconds is not None:
            yield Sample("report_duration_seconds", item.seconds, {"report": report})
        # A failure of an earlier run is taken back by a 0 for this one.
        reason = item.error.kind if item.error else ""
        yield Sample("report_failures", bool(item.error), {"report": report, "reason": reason})
        if not item.error:
            for verdict in Verdict:
                yield Sample("report_records", item.verdicts[verdict], {"report": report, "verdict": verdict})


def _of_transcripts(facts: FactsSummary) -> Iterator[Sample]:
    for kind in FACT_KINDS:
        yield Sample("facts", facts.new[kind], {"kind": kind})
    yield Sample("transcript_bytes", facts.bytes)
    yield Sample("transcript_unread_bytes", facts.unread_bytes)
    for kind, found in (("line", facts.bad_lines), ("record", facts.unknown), ("file", facts.unreadable)):
        yield Sample("transcript_problems", sum(found.values()), {"kind": kind})


def _of_warehouse(snapshot: Snapshot, settings: Settings) -> Iterator[Sample]:
    yield Sample("held_records", snapshot.held)
    for totals in snapshot.totals:
        yield Sample("cost_dollars", totals.cost_usd, {"agent": totals.agent})
        for name, count in totals.tokens.items():
            yield Sample("tokens", count, {"agent": totals.agent, "class": name})
    # Metrics leave this machine as rows do: with the same pseudonyms.
    pseudonyms = settings.pseudonyms()
    for spending in snapshot.budget:
        limit = spending.limit
        name = pseudonyms.of(limit.name) if limit.scope == "project" else limit.name
        labels = {"scope": limit.scope, "name": name, "period": limit.period}
        yield Sample("budget_limit_dollars", limit.limit_usd, labels)
        yield Sample("budget_spent_dollars", spending.spent_usd, labels)
    for use in snapshot.quotas:
        if use.share is not None:
            yield Sample("quota_used_ratio", use.share, {"name": use.name})

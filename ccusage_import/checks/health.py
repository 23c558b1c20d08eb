"""Whether all is well, in one look: warehouse, imports, facts, disk and copies."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

from ccusage_import.ccusage.data_dirs import TRANSCRIPTS, find_sources
from ccusage_import.checks.status import State, Status
from ccusage_import.checks.warehouse import LOW_SPACE_BYTES
from ccusage_import.config.kept.copies import last_copies
from ccusage_import.config.kept.watching import WatchState, watch_of
from ccusage_import.config.settings import Configuration
from ccusage_import.exceptions import CcusageError, ConfigurationError
from ccusage_import.transcripts.cursor import look_into_cursor, look_whether_usable
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.reader import list_transcripts, unread_bytes
from ccusage_import.warehouse.opening import cursor_file, cursor_marks

# A change that waits for longer than this is not stored for a reason.
LATE_SECONDS = 300


class Problem(NamedTuple):
    """Something that is not well; `text` names no path, host or value that is not a measure."""

    kind: Literal["warehouse", "imports", "facts", "disk", "push"]
    text: str


@dataclass(frozen=True, slots=True)
class HealthReport:
    """What one look found; what is not known is None. Instants are UTC, sizes bytes.

    `lag_seconds` is for how long a change waits that a running watch has not stored, `backlog_bytes` how much of the
    transcripts is not stored as facts yet.
    """

    is_warehouse_reachable: bool
    last_success_at: datetime | None
    watch: WatchState | None
    lag_seconds: float | None
    backlog_bytes: int | None
    last_push_at: datetime | None
    newest_backup_at: datetime | None
    disk_free_bytes: int | None
    problems: tuple[Problem, ...]

    @property
    def is_healthy(self) -> bool:
        """Whether nothing is wrong."""
        return not self.problems


def read_health(
    configuration: Configuration,
    environ: Mapping[str, str],
    status: Status | None,
    watch: WatchState | None = None,
) -> HealthReport:
    """Look at everything but the warehouse, of which `status` tells; None where it cannot be reached.

    Args:
        configuration: whose imports, facts and copies are looked at.
        environ: the process environment, which may name data directories.
        status: what was found in the warehouse.
        watch: what a running watch knows of itself, or was read before it lent the warehouse to this command; read
            from its file when None.

    Raises:
        ConfigurationError: the address of the warehouse cannot be used.
    """
    watch = watch or watch_of(configuration)
    copies = last_copies(configuration)
    return HealthReport(
        is_warehouse_reachable=status is not None,
        last_success_at=status.last_success_at if status else None,
        watch=watch,
        lag_seconds=watch.behind_seconds if watch and watch.is_running else None,
        backlog_bytes=_backlog(configuration, environ),
        last_push_at=copies.pushed_at,
        newest_backup_at=copies.backed_up_at,
        disk_free_bytes=status.disk_free_bytes if status else None,
        problems=tuple(_problems(configuration, status, watch, copies.unpushed_since)),
    )


def health_json(health: HealthReport) -> dict[str, Any]:
    """Return what was found as an object with stable keys: what `status --json` and `/health` show."""
    watch = asdict(health.watch) if health.watch else None
    if watch:
        # A path, or the name of a host.
        del watch["warehouse"]
    return {
        "healthy": health.is_healthy,
        "problems": [problem._asdict() for problem in health.problems],
        "warehouse_reachable": health.is_warehouse_reachable,
        "last_success_at": health.last_success_at,
        "lag_seconds": health.lag_seconds,
        "backlog_bytes": health.backlog_bytes,
        "last_push_at": health.last_push_at,
        "newest_backup_at": health.newest_backup_at,
        "disk_free_bytes": health.disk_free_bytes,
        "watch": watch,
    }


def _problems(
    configuration: Configuration, status: Status | None, watch: WatchState | None, unpushed_since: datetime | None
) -> Iterator[Problem]:
    if status is None:
        yield Problem("warehouse", "the warehouse cannot be reached")
    else:
        if status.state is not State.OK:
            yield Problem("imports", f"imports: {status.state}")
        free = status.disk_free_bytes
        if free is not None and free < LOW_SPACE_BYTES:
            yield Problem("disk", f"{free / 1e9:,.1f} GB of disk are left for the warehouse")
    if watch and watch.is_running and watch.behind_seconds >= LATE_SECONDS:
        yield Problem("facts", f"facts wait for {watch.behind_seconds / 60:,.0f} min")
    if configuration.settings.transcripts:
        try:
            look_whether_usable(cursor_file(configuration))
        except ConfigurationError:
            yield Problem("facts", "it cannot be noted how far transcripts were read: ccusage-import check")
    if configuration.settings.sync and unpushed_since:
        hours = (datetime.now(UTC) - unpushed_since).total_seconds() / 3600
        if hours > configuration.settings.stale_after_hours:
            yield Problem("push", f"pushes have failed for {hours:,.0f} h: ccusage-import push")


def _backlog(configuration: Configuration, environ: Mapping[str, str]) -> int | None:
    settings = configuration.settings
    if not settings.transcripts:
        return None
    try:
        found = find_sources(settings.claude_dirs, environ).found
    except CcusageError:
        return None
    known = look_into_cursor(cursor_file(configuration), cursor_marks(configuration))
    listing = list_transcripts([each / TRANSCRIPTS for each in found], known, Names(settings.pseudonyms()))
    return unread_bytes(listing, known)

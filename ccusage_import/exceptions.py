"""One class per thing a user can fix: what happened, what to type next, and the exit code.

What a class stands for is its `kind`: a docstring would say the same again, and vanishes under `-OO`.
"""

from __future__ import annotations

from enum import IntEnum

# Nobody reads the details after these.
MOST_LISTED = 10_000


class ExitCode(IntEnum):
    """Exit codes of every command."""

    OK = 0
    BUG = 1
    CONFIGURATION = 2
    CCUSAGE = 3
    WAREHOUSE = 4
    PARTIAL = 5
    UNHEALTHY = 6
    INTERRUPTED = 130


class FixableError(Exception):
    """Something a user can fix; `str()` is what went wrong, in one line.

    Attributes:
        kind: what kind of thing went wrong, in words that name no path, host or value; it is stored and shown.
        exit_code: of the command that ends with it.
        details: what it is about, a line each.
        hint: what to do next.
    """

    kind = "Something a user can fix"
    exit_code: ExitCode = ExitCode.BUG

    def __init__(self, message: str, *, details: tuple[str, ...] = (), hint: str = "") -> None:
        super().__init__(message)
        self.details = details
        self.hint = hint


class ConfigurationError(FixableError):
    kind = "A setting, file or option that cannot be used"
    exit_code = ExitCode.CONFIGURATION


class LimitError(FixableError):
    kind = "A limit of this machine is too low"
    exit_code = ExitCode.CONFIGURATION


class OutputError(FixableError):
    kind = "What is printed cannot be written to stdout"
    exit_code = ExitCode.CONFIGURATION


class CcusageError(FixableError):
    kind = "ccusage could not be found or run, or did not print the report that was asked for"
    exit_code = ExitCode.CCUSAGE


class RunnerNotFoundError(CcusageError):
    kind = "No ccusage was found that can be run"


class UnsupportedVersionError(CcusageError):
    kind = "The ccusage that was found is older than this program can read, or does not say its version"


class NodeTooOldError(CcusageError):
    kind = "ccusage refuses the Node.js it was started with"


class NativePackageMissingError(CcusageError):
    kind = "ccusage 20 is installed without the native program of this platform"


class UnknownAgentError(CcusageError):
    kind = "The ccusage that was found has no reports of an agent"


class DataDirectoryError(CcusageError):
    kind = "No readable Claude data directory"


class OutOfMemoryError(CcusageError):
    kind = "ccusage ran out of memory and aborted"


class ReportTimeoutError(CcusageError):
    kind = "A report took longer than allowed and was killed"


class ReportFailedError(CcusageError):
    kind = "A report ended with a non-zero exit code for a reason of its own"


class NotAReportError(CcusageError):
    kind = "ccusage ended well, but what it printed is not the report that was asked for"


class NoSavedReportsError(CcusageError):
    kind = "No saved report is where they were looked for"


class InvalidReportError(CcusageError):
    """`details` lists each value as `path: reason`."""

    kind = "A report holds values that cannot be true"

    def __init__(self, report: str, details: tuple[str, ...], *, is_cut: bool = False) -> None:
        listed = details[:MOST_LISTED]
        noun = "value" if len(listed) == 1 else "values"
        count = f"at least {len(listed)}" if is_cut or len(listed) < len(details) else len(listed)
        super().__init__(
            f"{report}: {count} {noun} cannot be true",
            details=listed,
            hint="nothing of this report was stored; the other reports are not affected",
        )


class RefusedRecordsError(CcusageError):
    """`details` lists what is wrong with them as `path: reason`."""

    kind = "Some records of a report cannot be true"
    exit_code = ExitCode.PARTIAL

    def __init__(self, report: str, count: int, details: tuple[str, ...]) -> None:
        noun = "record" if count == 1 else "records"
        super().__init__(
            f"{report}: {count} {noun} cannot be true",
            details=details[:MOST_LISTED],
            hint="only these were left out; what is stored of them stays, and the rest of the report is loaded",
        )


class EmptyReportError(CcusageError):
    kind = "A report without any usage, although usage of the days it covers is stored"


class WarehouseError(FixableError):
    kind = "The warehouse cannot be used"
    exit_code = ExitCode.WAREHOUSE


class EngineMissingError(WarehouseError):
    kind = "The embedded engine is configured but not installed"


class WarehouseLockedError(WarehouseError):
    kind = "Another process holds the embedded engine"


class WarehouseUnreachableError(WarehouseError):
    kind = "No server answers at that address"


class WarehouseAuthenticationError(WarehouseError):
    kind = "The server does not accept user and password"


class WarehousePermissionError(WarehouseError):
    kind = "The user lacks a right, or may only read"


class DatabaseMissingError(WarehouseError):
    kind = "The database does not exist on the server"


class ServerTooOldError(WarehouseError):
    kind = "The server lacks what the tables need"


class SchemaError(WarehouseError):
    kind = "The schema of the warehouse is not the one this program knows"


class DamagedWarehouseError(WarehouseError):
    """`details` lists what is missing or cannot be read, `machines` whose records."""

    kind = "Rows that the warehouse held are missing or cannot be read"
    machines: frozenset[str] = frozenset()


class QueryError(WarehouseError):
    kind = "The warehouse refused a statement"


class FoldError(WarehouseError):
    kind = "The totals of facts that were folded are not the sums of these facts"


class StatementRefusedError(FixableError):
    kind = "A statement that does something else than read the warehouse"
    exit_code = ExitCode.CONFIGURATION


class AuditError(FixableError):
    kind = "A load that cannot be taken back, or a held number that cannot be accepted"
    exit_code = ExitCode.CONFIGURATION


class MachineTakenError(FixableError):
    kind = "Another installation loads under the same machine name"
    exit_code = ExitCode.CONFIGURATION


class OtherNameError(FixableError):
    kind = "The history of this installation is stored under another machine name"
    exit_code = ExitCode.CONFIGURATION


class OtherNamingError(FixableError):
    kind = "Projects and sessions are stored under other names than those the configuration asks for"
    exit_code = ExitCode.CONFIGURATION


class BackupError(FixableError):
    kind = "A backup, or what is kept of a load, that cannot be written, is damaged, or does not fit the warehouse"
    exit_code = ExitCode.WAREHOUSE


class AnnouncementError(FixableError):
    kind = "Metrics, a notification or a heartbeat that could not be delivered"
    exit_code = ExitCode.CONFIGURATION


class ScheduleError(FixableError):
    kind = "A schedule that cannot be installed, read or removed"
    exit_code = ExitCode.CONFIGURATION

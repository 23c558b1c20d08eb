"""What `import --from` prints of loads whose reports were kept and are imported again."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from ccusage_import import ui
from ccusage_import.ccusage.archive import LoadNote
from ccusage_import.days import zoned_moment
from ccusage_import.exceptions import ExitCode
from ccusage_import.import_summary import ImportSummary
from ccusage_import.records import counted
from ccusage_import.ui.summary_json import SHOWN_VERDICTS


def replay_exit_code(replayed: Sequence[tuple[LoadNote, ImportSummary]]) -> ExitCode:
    """Return the exit code that all loads have in common, else that of a partial failure."""
    codes = {summary.exit_code for _, summary in replayed} or {ExitCode.OK}
    return codes.pop() if len(codes) == 1 else ExitCode.PARTIAL


def print_replay(replayed: Sequence[tuple[LoadNote, ImportSummary]], kept: int, *, quiet: bool, as_json: bool) -> None:
    """Print what became of each load."""
    summaries = [summary for _, summary in replayed]
    ui.print_warnings(list(dict.fromkeys(line for summary in summaries for line in summary.warnings)))
    for error in (error for summary in summaries for error in summary.errors):
        ui.print_error(error)
    passed_over = kept - len(replayed)
    if as_json:
        loads = [_replay_json(note, summary) for note, summary in replayed]
        ui.print_json({"exit_code": int(replay_exit_code(replayed)), "passed_over": passed_over, "loads": loads})
    elif not quiet:
        for note, summary in replayed:
            counts = ", ".join(f"{count} {verdict}" for verdict, count in _verdicts(summary).items())
            print(f"load {note.load_id} of {zoned_moment(note.started_at, note.timezone)}: {counts or 'failed'}")
        is_dry_run = any(summary.is_dry_run for summary in summaries)
        done = "would be replayed, each compared with what is stored now" if is_dry_run else "replayed"
        older = f"; {passed_over} passed over: what is stored is as new" if passed_over else ""
        print(f"{counted(len(replayed), 'load')} {done}{older}")


def _replay_json(note: LoadNote, summary: ImportSummary) -> dict[str, object]:
    return {
        "replayed": note.load_id,
        "started_at": note.started_at,
        "machine": note.machine,
        "load_id": summary.load_id,
        "exit_code": int(summary.exit_code),
        "verdicts": _verdicts(summary),
        "warnings": summary.warnings,
    }


def _verdicts(summary: ImportSummary) -> dict[str, int]:
    counts = sum((outcome.verdicts for outcome in summary.reports.values()), Counter())
    return {str(verdict): counts[verdict] for verdict in SHOWN_VERDICTS if counts[verdict]}

"""What an import costs beyond ccusage itself, what 100,000 records cost, and what every view and query costs.

    python -m tests.benchmarks [--mb 300] [--runs 7] [--json] [--work-dir DIR] [--ccusage COMMAND]
        [--machines 20] [--days 1096] [--cpu-time] [--small-only | --queries-only | --facts-only | --starts-only]
    python -m tests.benchmarks --cold-only [--machines 20] [--days 1096] [--runs 7] [--cpu-time] [--json]
    python -m tests.benchmarks --scale-only [--messages 10000000] [--runs 7] [--cpu-time] [--json] [--work-dir DIR]
    python -m tests.benchmarks --growth-only [--imports 1000] [--json] [--work-dir DIR]
    python -m tests.benchmarks --watch-only [--minutes 60] [--place {embedded,server}] [--json] [--work-dir DIR]

Nothing fails for being slow: the figures stand beside their targets, and the machine's other work is in them.
"""

from __future__ import annotations

import argparse
import json
import shlex
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path

from ccusage_import.versions import PINNED_VERSION
from tests.benchmarks.fact_time import measure_facts
from tests.benchmarks.fleet import Fleet
from tests.benchmarks.import_time import LARGE_FIRST, LARGE_SECOND, measure_imports, measure_own_time
from tests.benchmarks.many_imports import measure_many_imports
from tests.benchmarks.many_records import measure_many_records
from tests.benchmarks.measure import Figure, print_figures
from tests.benchmarks.query_time import measure_queries
from tests.benchmarks.scale_time import measure_scale
from tests.benchmarks.start_time import measure_starts
from tests.benchmarks.watch_time import PLACES, measure_watch
from tests.support.ccusage_install import install_ccusage
from tests.support.transcripts import LARGE


def main() -> None:
    """Run the benchmarks and print their figures."""
    arguments = _arguments()
    work_dir: Path = arguments.work_dir.absolute()
    work_dir.mkdir(parents=True, exist_ok=True)
    if arguments.watch_only:
        figures = measure_watch(work_dir, arguments.minutes, arguments.place or PLACES)
    elif arguments.facts_only:
        figures = _measure_facts(arguments, work_dir)
    elif arguments.starts_only:
        figures = measure_starts(work_dir, arguments.runs)
    elif arguments.cold_only:
        figures = measure_queries(work_dir, arguments.runs, _fleet(arguments), _clock(arguments), are_cold=True)
    elif arguments.growth_only:
        figures = measure_many_imports(work_dir, arguments.imports)
    elif arguments.scale_only:
        figures = measure_scale(work_dir, arguments.runs, _fleet(arguments), arguments.messages, _clock(arguments))
    else:
        figures = [] if arguments.queries_only else measure_starts(work_dir, arguments.runs)
        figures += [] if arguments.queries_only else _measure_imports(arguments, work_dir)
        figures += measure_queries(work_dir, arguments.runs, _fleet(arguments), _clock(arguments))
    if arguments.json:
        print(json.dumps([{**asdict(figure), "is_met": figure.is_met} for figure in figures], indent=2))
    else:
        print_figures(figures)


def _fleet(arguments: argparse.Namespace) -> Fleet:
    return Fleet(machines=arguments.machines, days=arguments.days, last_day=datetime.now(UTC).date())


def _clock(arguments: argparse.Namespace) -> Callable[[], float]:
    return time.process_time if arguments.cpu_time else time.perf_counter


def _ccusage(arguments: argparse.Namespace) -> list[str]:
    return shlex.split(arguments.ccusage) if arguments.ccusage else [str(install_ccusage(PINNED_VERSION))]


def _measure_facts(arguments: argparse.Namespace, work_dir: Path) -> list[Figure]:
    large = replace(LARGE, mb=arguments.mb)
    return measure_facts(work_dir, large, arguments.runs, _ccusage(arguments))


def _measure_imports(arguments: argparse.Namespace, work_dir: Path) -> list[Figure]:
    ccusage = _ccusage(arguments)
    figures = measure_own_time(work_dir, arguments.runs, ccusage)
    if not arguments.small_only:
        large = replace(LARGE, mb=arguments.mb)
        figures += measure_imports(work_dir, large, arguments.runs, ccusage, LARGE_SECOND, LARGE_FIRST)
        figures += _measure_facts(arguments, work_dir)
    return figures + measure_many_records(work_dir, arguments.runs)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mb", type=float, default=LARGE.mb, help="size of the large transcripts (default: 300)")
    parser.add_argument("--runs", type=int, default=7, help="how often each is measured (default: %(default)s)")
    parser.add_argument("--small-only", action="store_true", help="leave out the large transcripts")
    parser.add_argument("--queries-only", action="store_true", help="time views, queries and commands alone")
    parser.add_argument("--cold-only", action="store_true", help="time each view and query in a process of its own")
    fleet = Fleet(last_day=datetime.now(UTC).date())
    parser.add_argument(
        "--machines", type=int, default=fleet.machines, help="of which queries ask (default: %(default)s)"
    )
    parser.add_argument("--days", type=int, default=fleet.days, help="that these have usage on (default: %(default)s)")
    parser.add_argument("--cpu-time", action="store_true", help="time queries by the CPU, on a machine with other work")
    parser.add_argument("--facts-only", action="store_true", help="measure readings of the large transcripts alone")
    parser.add_argument("--watch-only", action="store_true", help="measure delays, memory and CPU time of watch alone")
    parser.add_argument("--minutes", type=float, default=60, help="how long sessions write (default: %(default)s)")
    parser.add_argument("--place", action="append", choices=PLACES, help="where watch stores (default: both)")
    parser.add_argument("--starts-only", action="store_true", help="measure the status line and the hook alone")
    parser.add_argument("--growth-only", action="store_true", help="import many times what grows each time, alone")
    parser.add_argument("--imports", type=int, default=1000, help="how many of these (default: %(default)s)")
    parser.add_argument("--scale-only", action="store_true", help="time questions of millions of answers alone")
    parser.add_argument("--messages", type=int, default=10_000_000, help="answers of these (default: %(default)s)")
    parser.add_argument("--json", action="store_true", help="print the figures as JSON")
    parser.add_argument("--ccusage", metavar="COMMAND", help="ccusage to run (default: the pinned one, from npm)")
    parser.add_argument(
        "--work-dir",
        type=Path,
        metavar="DIR",
        default=Path(tempfile.gettempdir()) / "ccusage-import-benchmarks",
        help="keeps transcripts and reports for the next time (default: %(default)s)",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()

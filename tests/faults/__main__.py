"""Faults at length, and a table of what was survived.

    python -m tests.faults [--kills 300] [--interrupts 60] [--imports 200] [--facts-only] [--seed 7] [--work-dir DIR]

The exit code is 1 where anything was not survived.
"""

from __future__ import annotations

import argparse
import signal
import sys
import tempfile
import time
from pathlib import Path

from tests.faults.facts import http_facts_lab
from tests.faults.harness import http_lab, new_user
from tests.faults.kills import Tally, print_tallies
from tests.faults.network import break_requests
from tests.faults.portions import (
    be_silent,
    in_portions,
    interrupt_some,
    kill_first_ones,
    kill_first_ones_of_many,
    kill_readings,
    kill_some,
)
from tests.faults.readers import Watch, watch_imports
from tests.support.gateway.running import running_gateway


def main() -> int:
    """Run every kind of fault that is counted."""
    arguments = _arguments()
    # What a shell starts in the background ignores it, and so would all that this starts and interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    be_silent()
    begun = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="faults-", dir=arguments.work_dir) as name:
        root = Path(name)
        tallies = break_readings(arguments, root)
        watch = Watch()
        if not arguments.facts_only:
            tallies += break_imports(arguments, root)
            with running_gateway(root / "readers' engine") as gateway:
                reader = new_user(root / "readers", gateway.url(database="readers"))
                watch = watch_imports(reader, root / "readers", arguments.imports)
    print_tallies(tallies)
    imports = 0 if arguments.facts_only else arguments.imports
    print(f"{imports} imports, {watch.reads} reads, {len(watch.anomalies)} anomalies")
    print("\n".join(watch.anomalies))
    print(f"{time.monotonic() - begun:.0f} s")
    return int(bool(watch.anomalies) or any(tally.attempted != tally.survived for tally in tallies))


def break_imports(arguments: argparse.Namespace, root: Path) -> list[Tally]:
    """Break imports of reports."""
    tallies = in_portions(kill_some, root / "embedded", arguments.kills * 4 // 5, arguments.seed)
    tallies += in_portions(kill_first_ones, root / "first", arguments.kills // 5, arguments.seed)
    tallies += in_portions(kill_first_ones_of_many, root / "many", arguments.kills // 5, arguments.seed)
    tallies += in_portions(interrupt_some, root / "interrupted", arguments.interrupts, arguments.seed)
    with running_gateway(root / "engine") as gateway:
        return tallies + break_requests(http_lab(root / "http", gateway), gateway)


def break_readings(arguments: argparse.Namespace, root: Path) -> list[Tally]:
    """Break readings of transcripts."""
    tallies = in_portions(kill_readings, root / "facts", arguments.kills, arguments.seed)
    with running_gateway(root / "engine of facts") as gateway:
        return tallies + break_requests(http_facts_lab(root / "http facts", gateway), gateway, name="facts: ")


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.faults", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--kills", type=int, default=300, help="imports, and readings of transcripts, killed (default: 300)"
    )
    parser.add_argument("--interrupts", type=int, default=60, help="imports ended by a signal (default: %(default)s)")
    parser.add_argument("--imports", type=int, default=200, help="imports while readers poll (default: %(default)s)")
    parser.add_argument("--facts-only", action="store_true", help="break readings of transcripts alone")
    parser.add_argument("--seed", type=int, default=7, help="of the random moments (default: %(default)s)")
    parser.add_argument("--work-dir", type=Path, metavar="DIR", help="where the warehouses are made")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())

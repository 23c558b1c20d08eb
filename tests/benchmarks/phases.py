"""Runs one import through Python and says what each of its phases takes: wall and CPU seconds, as JSON.

    python -m tests.benchmarks.phases --warehouse URL --claude-dir DIR [--claude-dir DIR] --ccusage COMMAND

It runs the reports also where nothing changed.
"""

from __future__ import annotations

import argparse
import json
import os
import time

from ccusage_import.config.directories import Directories
from ccusage_import.config.kept.identity import complete_identity
from ccusage_import.config.layers import load_configuration
from ccusage_import.import_summary import ImportOptions, SilentProgress
from ccusage_import.importer import run_import


class Clock(SilentProgress):
    """Notes when each phase begins; CPU time is that of this process and of the children it waited for."""

    def __init__(self) -> None:
        self._begun: list[tuple[str, float, float]] = []

    def phase(self, name: str) -> None:
        """Note it."""
        self._begun.append((name, time.perf_counter(), sum(os.times()[:4])))

    def phases(self) -> dict[str, tuple[float, float]]:
        """Return wall and CPU seconds of each phase; the last one ends now."""
        self.phase("")
        pairs = zip(self._begun, self._begun[1:], strict=False)
        return {name: (end - begin, cpu_end - cpu) for (name, begin, cpu), (_, end, cpu_end) in pairs}


def main() -> None:
    """Import what the reports show, also where nothing changed."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.phases")
    parser.add_argument("--warehouse", required=True)
    parser.add_argument("--claude-dir", action="append", required=True)
    parser.add_argument("--ccusage", required=True)
    parser.add_argument("--timezone", default="UTC")
    chosen = parser.parse_args()
    directories = Directories.of_platform()
    flags = {
        "warehouse": chosen.warehouse,
        "claude_dirs": tuple(chosen.claude_dir),
        "ccusage": chosen.ccusage,
        "timezone": chosen.timezone,
    }
    identity = complete_identity(directories.identity_file)
    configuration = load_configuration(flags, os.environ, identity=identity, directories=directories)
    clock = Clock()
    run_import(configuration, ImportOptions(is_forced=True), os.environ, clock)
    print(json.dumps(clock.phases()))


if __name__ == "__main__":
    main()

"""What the status line and the hook take from start to exit, beside what Python takes for nothing."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

from ccusage_import.files import file_lock
from tests.benchmarks.measure import Figure, importer_environ, say

LONGEST_MS = 60.0
LEAST_RUNS = 20
SUBJECT = "start to exit"
STATE = "import platformdirs; print(platformdirs.user_state_path('ccusage-import'))"
CHILDREN: Mapping[str, tuple[tuple[str, ...], float | None]] = {
    "python -c pass": (("-c", "pass"), None),
    'python -c "import json"': (("-c", "import json"), None),
    "statusline": (("-m", "ccusage_import", "statusline"), LONGEST_MS),
    "schedule hook": (("-m", "ccusage_import", "schedule", "hook"), 100.0),
}


def measure_starts(work_dir: Path, runs: int) -> list[Figure]:
    """Return the medians of children that are started in turn, so that the machine's other work meets all of them."""
    with tempfile.TemporaryDirectory(prefix="start-", dir=work_dir) as directory, ExitStack() as stack:
        environ = importer_environ(Path(directory) / "home")
        state = _write_numbers(environ)
        # An import waits already, as far as the hook knows, so it starts none.
        stack.enter_context(file_lock(state / "hook.lock", "the hook", 0))
        say("starting the status line and the hook")
        seconds: dict[str, list[float]] = {name: [] for name in CHILDREN}
        for _ in range(max(runs, LEAST_RUNS)):
            for name, (arguments, _) in CHILDREN.items():
                begun = time.perf_counter()
                subprocess.run([sys.executable, *arguments], env=environ, capture_output=True, check=True)
                seconds[name].append(time.perf_counter() - begun)
    return [
        Figure(SUBJECT, name, 1000 * statistics.median(seconds[name]), "ms", target)
        for name, (_, target) in CHILDREN.items()
    ]


def _write_numbers(environ: Mapping[str, str]) -> Path:
    found = subprocess.run([sys.executable, "-c", STATE], env=environ, capture_output=True, check=True, text=True)
    state, now = Path(found.stdout.strip()), time.time()
    state.mkdir(parents=True)
    numbers = {
        "at": now,
        "day_ends_at": now + 3600,
        "month_ends_at": now + 86400,
        "today_usd": 4.2,
        "month_usd": 100.0,
        "daily_limit_usd": 10.0,
        "monthly_limit_usd": 200.0,
        "block": {"ends_at": now + 7200, "cost_usd": 2.16, "cost_per_hour_usd": 2.3},
        "quotas": [],
    }
    (state / "statusline.json").write_text(json.dumps(numbers))
    return state

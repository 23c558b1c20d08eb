"""The end of a command that runs for long, asked for at an awkward moment."""

from __future__ import annotations

import subprocess
import sys

NEXT = """
from ccusage_import.live.ending import ends_on_signals
with ends_on_signals() as ending:
    print(ending.is_wanted)
"""
FIRST = f"""
import os, signal, sys
from ccusage_import.live.ending import ends_on_signals, keep_signals
with ends_on_signals() as ending:
    keep_signals()
os.kill(os.getpid(), signal.SIGTERM)
print(ending.is_wanted, flush=True)
os.execv(sys.executable, [sys.executable, "-c", {NEXT!r}])
"""


def test_a_signal_between_two_programs_is_heard_by_the_second() -> None:
    ended = subprocess.run([sys.executable, "-c", FIRST], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, "False\nTrue\n", "")

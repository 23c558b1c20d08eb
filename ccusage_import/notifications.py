"""Tells people."""

from __future__ import annotations

from collections.abc import Mapping

from ccusage_import.config import Settings
from ccusage_import.run_outcome import RunMemory, RunOutcome


def notify(settings: Settings, outcome: RunOutcome, memory: RunMemory, environ: Mapping[str, str]) -> list[str]:
    """Tell the targets what they are to know; return a warning for each that could not be told."""
    return []

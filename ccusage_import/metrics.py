"""Prometheus metrics of a run of the importer."""

from __future__ import annotations

from ccusage_import.config import Settings
from ccusage_import.run_outcome import RunOutcome


def write_metrics(settings: Settings, outcome: RunOutcome) -> None:
    """Write the textfile."""


def push_metrics(settings: Settings, outcome: RunOutcome) -> None:
    """Push to the Pushgateway."""

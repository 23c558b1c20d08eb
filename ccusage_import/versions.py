"""Versions of ccusage: the oldest whose reports are understood, and the one that is installed."""

from __future__ import annotations

PINNED_VERSION = "20.0.24"
OLDEST_SUPPORTED = (15, 5, 0)

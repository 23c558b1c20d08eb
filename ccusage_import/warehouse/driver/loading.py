"""Imports the driver, without the libraries that it would load and nobody here needs."""

from __future__ import annotations

import importlib
import sys
from contextlib import suppress
from typing import Any


def preload_driver() -> None:
    """Import the driver, which takes a while, worth doing during other waits.

    Not the engine: while that is imported, the working directory is another one, and no relative path is found.
    What cannot be loaded is said when it is needed.
    """
    with suppress(ImportError, OSError, MemoryError):
        load_driver()


def load_driver() -> Any:
    """Import the driver and return it."""
    # Importing these takes half a second and nothing here needs them; the driver and the engine do without.
    for name in ("pyarrow", "pandas", "numpy"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    return importlib.import_module("clickhouse_connect")

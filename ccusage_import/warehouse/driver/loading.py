"""Imports the driver, without the libraries that it would load and nobody here needs."""

from __future__ import annotations

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any

# Loading takes a tenth of that.
LONGEST_JOIN_SECONDS = 2.0


@contextmanager
def loading_meanwhile(load: Callable[[], object]) -> Iterator[None]:
    """Import something in another thread while the block waits for programs. What cannot be loaded is said when needed.

    The block is left when it is loaded. A signal may leave half a module behind, or the lock of all imports: then the
    other thread fails in any way, or waits for ever.
    """

    def preload() -> None:
        with suppress(Exception):
            load()

    preloading = threading.Thread(target=preload, daemon=True)
    preloading.start()
    try:
        yield
    except BaseException:
        preloading.join(LONGEST_JOIN_SECONDS)
        raise
    preloading.join()


def load_driver() -> Any:
    """Import the driver and return it."""
    # Importing these takes half a second and nothing here needs them; the driver and the engine do without.
    for name in ("pyarrow", "pandas", "numpy"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    return importlib.import_module("clickhouse_connect")

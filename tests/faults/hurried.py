"""Runs `ccusage-import` as it is, except that `watch` waits a fiftieth of the time before it tries again.

    ANSWER_SECONDS=300 python -m tests.faults.hurried ARGUMENT…

The seconds that it tells of are too many. A server has as long as the environment says to answer; by itself the driver
waits for five minutes.
"""

from __future__ import annotations

import os
import time
from functools import partial

from ccusage_import.__main__ import main
from ccusage_import.live import watcher
from ccusage_import.warehouse.driver.loading import load_driver

TIMES = 50


class HurriedTime:
    """The module `time`, of which more passes."""

    time, time_ns = staticmethod(time.time), staticmethod(time.time_ns)

    @staticmethod
    def monotonic() -> float:
        """Return seconds that are short."""
        return TIMES * time.monotonic()


def run() -> None:
    """Hurry the watcher and the driver, and run the program."""
    setattr(watcher, "time", HurriedTime)  # noqa: B010 - a module is no attribute to type checkers
    driver = load_driver()
    seconds = float(os.environ.get("ANSWER_SECONDS", "300"))
    driver.get_client = partial(driver.get_client, send_receive_timeout=seconds)
    main()


if __name__ == "__main__":
    run()

"""The first question of a process, so that nothing is warm but the files.

    python -m tests.benchmarks.cold_query URL CLOCK SQL VALUES

VALUES is a JSON object, and CLOCK `perf_counter` or `process_time`. Prints the milliseconds that the question took once
the warehouse was open.
"""

from __future__ import annotations

import json
import sys
import time

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import open_warehouse


def main() -> None:
    """Ask, and print how long it took."""
    url, clock_name, sql, values = sys.argv[1:]
    clock = {"perf_counter": time.perf_counter, "process_time": time.process_time}[clock_name]
    with open_warehouse(parse_warehouse_url(url)) as warehouse:
        begun = clock()
        warehouse.raw(sql, "Null", {}, json.loads(values))
        print(1000 * (clock() - begun))


if __name__ == "__main__":
    main()

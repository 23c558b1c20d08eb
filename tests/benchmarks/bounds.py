"""What bounds an import, as a process of its own: the driver and the engine alone, the records as one Parquet file.

    python -m tests.benchmarks.bounds {select,write,insert,read} WAREHOUSE [FILE]

It prints nothing: whoever starts it measures it.
"""

from __future__ import annotations

import sys
from importlib import import_module
from typing import Any

ENGINE = "select"
# The table that one INSERT fills.
COPY = "records_of_parquet"


def main() -> None:
    """Do one of them, and print nothing."""
    what, path, *file = sys.argv[1:]
    # As the program imports the driver: without what only other users of it need.
    for name in ("pyarrow", "pandas", "numpy"):
        sys.modules.setdefault(name, None)  # type: ignore[arg-type]
    client: Any = import_module("clickhouse_connect").get_client(interface="chdb", path=path)
    try:
        for statement in STATEMENTS[what]:
            client.command(statement.format(file=file[0] if file else ""))
    finally:
        client.close()


STATEMENTS = {
    ENGINE: ("SELECT 1",),
    "write": (
        "SELECT * FROM ccusage.records FINAL INTO OUTFILE '{file}' FORMAT Parquet",
        f"CREATE TABLE ccusage.{COPY} AS ccusage.records",
    ),
    "insert": (
        f"TRUNCATE TABLE ccusage.{COPY}",
        f"INSERT INTO ccusage.{COPY} SELECT * FROM file('{{file}}', Parquet)",
    ),
    "read": ("SELECT * FROM ccusage.records FINAL FORMAT Null",),
}

if __name__ == "__main__":
    main()

"""Opens the embedded engine on the directory of a warehouse."""

from __future__ import annotations

import errno
import importlib.util
import os
import resource
import shlex
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ccusage_import.config.warehouse_url import EmbeddedWarehouse, Warehouse
from ccusage_import.exceptions import (
    DamagedWarehouseError,
    EngineMissingError,
    WarehouseError,
    WarehouseLockedError,
)
from ccusage_import.extras import ENGINE, install_command
from ccusage_import.files import make_private_directory
from ccusage_import.warehouse.driver.errors import NO_ROOM_HINT, TOO_MANY_FILES, shortened, too_many_files
from ccusage_import.warehouse.driver.loading import load_driver

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

CAPTURED_BYTES = 65_536
# What the engine makes first, before there is anything of a warehouse; and what a disk has of its own.
NOTHING_YET = frozenset({"tmp", "status", "lost+found"})
# With less virtual memory the engine ends the process without a word that could be caught.
ENGINE_BYTES = 1_900_000 * 1024
FILE_LIMIT_HINT = "free some space, or raise the limit (ulimit -f); nothing half written is visible"
_HINTS = {errno.EFBIG: FILE_LIMIT_HINT, errno.ENOENT: "bring its directory back"}
_LOADING_HINTS = {
    "time zone": "correct or unset the variable TZ",
    # The directory that the engine makes where temporary files are.
    "/clickhouse-embedded-": "unset the variable TMPDIR, or let it name a directory that can be written",
}
GONE_DIRECTORY_HINT = "the working directory is gone: cd to one that is there"
LIMITS_HINT = "ulimit -a shows the limits of this shell"
# The engine looks at its memory twenty times a second, which would be a fifth of what an idle `watch` takes.
ENGINE_OPTIONS = "memory_worker_period_ms=1000"
# To compile a query takes the engine 0.1 s, which a process that ends soon never earns back.
EMBEDDED_SETTINGS: Mapping[str, Any] = {
    "compile_expressions": 0,
    "compile_aggregate_expressions": 0,
    "compile_sort_description": 0,
    # It looks for bounds that follow from others, and at all that is behind each column for that: a fifth of the time
    # that the engine takes to plan a forecast.
    "optimize_and_compare_chain": 0,
}


def is_of_engine(place: Path) -> bool:
    """Return whether the engine keeps something in a directory."""
    return (place / "metadata").exists() or (place / "store").exists()


def refuse_place(warehouse: EmbeddedWarehouse) -> None:
    """Refuse a directory of something else, and one that cannot be written, before anything is left there.

    Raises:
        WarehouseError: it is such a one.
    """
    place = warehouse.path
    if not place.is_dir():
        return
    if not is_of_engine(place) and any(entry.name not in NOTHING_YET for entry in place.iterdir()):
        raise WarehouseError(
            f"warehouse {warehouse}: is a directory of something else",
            hint="name one that is empty or does not exist yet",
        )
    if not os.access(place, os.W_OK | os.X_OK):
        raise WarehouseError(
            f"warehouse {warehouse}: cannot be written, which the engine does also to read",
            hint=f"make it writable, or copy it and name the copy: cp -r {shlex.quote(str(place))} DIR,"
            " then --warehouse chdb:///DIR",
        )


def open_embedded(warehouse: EmbeddedWarehouse) -> Client:
    """Return the engine on the directory of a warehouse, which is made where there is none.

    Raises:
        WarehouseError: one of its subclasses says what to do.
    """
    demand_engine()
    driver = load_driver()
    load_engine()
    try:
        make_private_directory(warehouse.path)
    except FileExistsError:
        raise WarehouseError(f"warehouse {warehouse}: is a file", hint="name a directory") from None
    except OSError as error:
        raise WarehouseError(f"warehouse {warehouse}: {error.strerror}", hint="make the directory writable") from None
    with _captured_stderr() as captured:
        try:
            client = engine_client(warehouse)
        except driver.driver.exceptions.Error as error:
            failure, said = str(error), captured()
        else:
            return client
    if "Cannot lock file" in said:
        raise WarehouseLockedError(
            f"the warehouse {warehouse} is open in another program", hint="close the program that uses the directory"
        )
    reason = next((line for line in said.splitlines() if "Exception" in line), failure)
    if TOO_MANY_FILES in reason:
        raise too_many_files(warehouse)
    if "in file metadata/" in reason:
        path = shlex.quote(str(warehouse.path))
        raise DamagedWarehouseError(
            f"warehouse {warehouse}: cannot open: {shortened(reason)}",
            hint=f"from a backup: mv {path} {path}.damaged && ccusage-import restore BACKUP",
        )
    raise WarehouseError(
        f"warehouse {warehouse}: cannot open: {shortened(reason)}", hint="check the directory's rights"
    )


def demand_engine() -> None:
    """Refuse to go on without the embedded engine.

    Raises:
        EngineMissingError: it is not installed.
    """
    if importlib.util.find_spec("chdb") is None:
        raise EngineMissingError(
            "the embedded engine is not installed",
            hint=f"{install_command((ENGINE,), Path(sys.prefix))}, or name a server: --warehouse clickhouse://user@host:8123/db",
        )


def load_engine() -> None:
    """Import the engine, which aborts the whole process where it does not get its memory.

    Meanwhile the working directory is another one, and no relative path is found.

    Raises:
        WarehouseError: a limit of this machine is too low for it.
    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_AS)
    if allowed != resource.RLIM_INFINITY and allowed < ENGINE_BYTES:
        raise WarehouseError(
            f"the embedded engine needs {ENGINE_BYTES >> 20:,} MiB of virtual memory, ulimit -v allows"
            f" {allowed >> 20:,}",
            hint="raise the limit (ulimit -v unlimited), or name a server: --warehouse clickhouse://user@host:8123/db",
        )
    try:
        importlib.import_module("chdb")
    except (ImportError, OSError, MemoryError, RuntimeError) as error:
        reason = shortened(str(error)) or "no memory"
        hint = next((hint for part, hint in _LOADING_HINTS.items() if part in reason), LIMITS_HINT)
        if isinstance(error, FileNotFoundError) and not _is_somewhere():
            hint = GONE_DIRECTORY_HINT
        raise WarehouseError(f"the embedded engine cannot be loaded: {reason}", hint=hint) from None


def _is_somewhere() -> bool:
    """Return whether the working directory exists, to which the engine returns when it is imported."""
    try:
        return bool(Path.cwd())
    except FileNotFoundError:
        return False


def engine_client(warehouse: EmbeddedWarehouse) -> Client:
    """Return one more client of the engine where the warehouse is open in this process, else the first one."""
    client: Client = load_driver().get_client(
        interface="chdb", path=f"{warehouse.path}?{ENGINE_OPTIONS}", settings=dict(EMBEDDED_SETTINGS)
    )
    return client


def connect_to_engine(warehouse: EmbeddedWarehouse) -> Any:
    """Return one more connection to the engine of a warehouse that is open in this process, without a driver."""
    return importlib.import_module("chdb._chdb").connect(str(warehouse.path))


@contextmanager
def temporary_files(warehouse: Warehouse) -> Iterator[None]:
    """Let the driver put what the embedded engine inserts beside the tables: there is room for it or for nothing.

    Raises:
        WarehouseError: there is none.
    """
    if not isinstance(warehouse, EmbeddedWarehouse):
        yield
        return
    directory, before = warehouse.path / "tmp", tempfile.tempdir
    try:
        directory.mkdir(mode=0o700, exist_ok=True)
        # Left by a killed import.
        for left in (*directory.glob("*.native"), *directory.glob("*.raw")):
            left.unlink()
        tempfile.tempdir = str(directory)
        yield
    except OSError as error:
        hint = _HINTS.get(error.errno or 0, NO_ROOM_HINT)
        raise WarehouseError(f"warehouse {warehouse}: {error.strerror}", hint=hint) from None
    finally:
        tempfile.tempdir = before


@contextmanager
def _captured_stderr() -> Iterator[Callable[[], str]]:
    """Keep what the engine writes to file descriptor 2; it says there alone why it cannot open a directory.

    A pipe needs no disk. What it does not hold is dropped, for nobody reads before the engine is done.
    """
    reader, writer = os.pipe()
    with os.fdopen(reader, "rb", buffering=0) as kept:
        os.set_blocking(reader, False)
        os.set_blocking(writer, False)
        sys.stderr.flush()
        saved = os.dup(2)
        os.dup2(writer, 2)
        os.close(writer)
        try:
            yield lambda: (kept.read(CAPTURED_BYTES) or b"").decode("utf-8", "replace")
        finally:
            os.dup2(saved, 2)
            os.close(saved)

"""Tells the errors of the driver apart: each becomes one of ours, which a user can act on."""

from __future__ import annotations

import re
import resource
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ccusage_import.config.warehouse_url import EmbeddedWarehouse, ServerWarehouse, Warehouse, as_typed
from ccusage_import.exceptions import (
    ConfigurationError,
    DamagedWarehouseError,
    DatabaseMissingError,
    FixableError,
    QueryError,
    WarehouseAuthenticationError,
    WarehouseError,
    WarehousePermissionError,
    WarehouseUnreachableError,
)
from ccusage_import.masking import without_passwords
from ccusage_import.warehouse.driver.loading import load_driver

TOO_MANY_FILES = "Too many open files"
NO_ROOM_HINT = "free some space; nothing half written is visible"
ADDRESS_HINT = "check host, port and TLS: clickhouse:// is HTTP, clickhouses:// HTTPS"
CERTIFICATE_HINT = (
    "name the host as its certificate does; for an authority of your own add ?ca_cert=/path/to/ca.pem to the address"
)
PROXY_HINT = "the proxy of http_proxy or https_proxy wants a password; no_proxy=HOST goes round the proxy"
NO_PROXY_HINT = "correct or unset http_proxy or https_proxy; no_proxy=HOST goes round the proxy"
# A checksum that does not match, marks or data that end too early, files that are not there.
DAMAGE_CODES = frozenset({32, 33, 40, 107, 246, 271, 432})
# What a server cannot do now: out of time, memory or connections, too many parts, a replica that may not be written to,
# a query that somebody ended, a write of which it does not know whether it was done.
BUSY_CODES = frozenset({159, 202, 209, 241, 242, 252, 319, 394})
BUSY_HINT = "try again later, or ask the administrator of the server; nothing half written is visible"
# The rights of the role ccusage_importer in sql/access/roles.sql.
RIGHTS = "SELECT, INSERT, CREATE TABLE, DROP VIEW, TRUNCATE, ALTER ADD COLUMN, ALTER ORDER BY"
MISSING_RIGHTS_HINT = f"GRANT {RIGHTS} ON {{database}}.* TO {{user}}"
# By the code of an unknown identifier, and of an unknown table.
_QUERY_HINTS = {
    47: "ccusage-import migrate adds what tables of an older release lack",
    60: 'query "SHOW TABLES" lists what there is; migrate adds what is missing',
}
# The driver's own words, or those of the server; what an INSERT takes with it asks for more than a setting.
_REFUSED_SETTING = re.compile(r"Setting (?!\w*insert)\w+ is readonly|Cannot modify '\w+' setting in readonly mode")
SETTINGS_HINT = (
    "let {user} change settings: readonly = 2 instead of 1, as sql/access/roles.sql has it for those who read"
)


@contextmanager
def translated(warehouse: Warehouse) -> Iterator[None]:
    """Raise errors of ours instead of those of the driver in a block."""
    errors = load_driver().driver.exceptions.Error
    try:
        yield
    except errors as error:
        raise translate(error, warehouse) from None


def translate(error: Any, warehouse: Warehouse) -> FixableError:
    """Return the error of ours that an error of the driver means."""
    where, code, text = f"warehouse {warehouse}", error.code, shortened(str(error))
    user, who = (warehouse.user, f"user {warehouse.user}") if isinstance(warehouse, ServerWarehouse) else ("you", "you")
    if code == 516:
        return WarehouseAuthenticationError(
            f"{where}: {who} or its password is not accepted", hint="set CCUSAGE_IMPORT_PASSWORD"
        )
    is_read_only = code == 164 or text.endswith(" is readonly")
    if is_read_only or code == 497:
        what = "may only read" if is_read_only else "lacks a right"
        hint = SETTINGS_HINT if _REFUSED_SETTING.search(text) else MISSING_RIGHTS_HINT
        return WarehousePermissionError(
            f"{where}: {who} {what}: {text}", hint=hint.format(database=warehouse.database, user=user)
        )
    if code == 81:
        return DatabaseMissingError(
            f"{where}: database {warehouse.database!r} does not exist",
            hint=f"ccusage-import migrate --create-database --warehouse {as_typed(warehouse)}",
        )
    if TOO_MANY_FILES in text and isinstance(warehouse, EmbeddedWarehouse):
        return too_many_files(warehouse)
    if code in DAMAGE_CODES:
        return DamagedWarehouseError(f"{where}: {text}", hint="ccusage-import check names what is damaged")
    if code == 456 or "for query parameter" in text:
        return ConfigurationError(f"{where}: {text}", hint="--param NAME=VALUE, of the type in {NAME:TYPE}")
    if code == 243:
        return WarehouseError(f"{where}: {text}", hint=NO_ROOM_HINT)
    # A server names the code of its error; a proxy or another web server answers with a page.
    is_of_a_proxy = text.startswith("HTTP driver received HTTP status ")
    kind = type(error).__name__
    if code is None and (is_of_a_proxy or kind in ("OperationalError", "StreamFailureError")):
        # What the driver says of a stream may be the last that came: data.
        return unreachable(where, "the answer was cut off" if kind == "StreamFailureError" else text)
    is_busy = code in BUSY_CODES and isinstance(warehouse, ServerWarehouse)
    return QueryError(f"{where}: {text}", hint=BUSY_HINT if is_busy else _QUERY_HINTS.get(code, ""))


def unreachable(where: str, text: str) -> WarehouseUnreachableError:
    """Return what to say where no answer came, by the text of the HTTP library."""
    cause, hint = _cause(text), ADDRESS_HINT
    if cause in ("HTTP status 407", "Tunnel connection failed: 407"):
        hint = PROXY_HINT
    elif "Unable to connect to proxy" in text:
        cause, hint = f"the proxy: {cause}", NO_PROXY_HINT
    elif "certificate" in cause:
        hint = CERTIFICATE_HINT
    return WarehouseUnreachableError(f"{where}: no answer: {cause}", hint=hint)


def too_many_files(warehouse: Warehouse) -> WarehouseError:
    """Return what to say where a limit of this machine is lower than what the engine opens."""
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    return WarehouseError(
        f"warehouse {warehouse}: too many open files, ulimit -n allows {allowed}",
        hint="raise the limit (ulimit -n 1024); nothing of the warehouse is damaged",
    )


def shortened(text: str) -> str:
    """Return the sentence that matters of an engine's message: one line, no stack, no version trailer, no secret."""
    text = re.sub(r"^.*?(?=Code: \d+)", "", text.replace("\n", " "))
    text = re.sub(r"\s*\(for url [^)]*\)\s*$", "", text.partition(" Stack trace:")[0])
    text = re.sub(r"\s*\(version [^)]*(?:\([^)]*\))?\)\s*$", "", text)
    text = without_passwords(text).strip()
    return text if len(text) <= 500 else text[:500] + " …"


def _cause(text: str) -> str:
    """Return why a request failed out of the nested message of the HTTP library."""
    found = re.search(
        r"\[Errno [-\d]+\] [^\"')]+|certificate verify failed: .*?(?=\.? \(_ssl)|no certificate or crl found|timed out"
        r"|WRONG_VERSION_NUMBER|Remote end closed connection without response|Connection reset by peer"
        r"|HTTP status \d+(?:, but not from ClickHouse)?|Tunnel connection failed: \d+",
        text,
    )
    return found[0].strip() if found else text

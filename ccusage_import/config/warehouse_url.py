"""The warehouse URL: one line that selects embedded engine or server, database and TLS."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import SplitResult, parse_qsl, quote, unquote, urlencode, urlsplit

from ccusage_import.config.directories import expanded
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.masking import without_password

DEFAULT_DATABASE = "ccusage"
PORTS = {"clickhouse": 8123, "clickhouses": 8443}
FORMS = "use chdb:///path, clickhouse://user@host:8123/database or clickhouses://user@host:8443/database"
QUOTING = "write %23 for #, %2F for / and %3F for ? in a password"
IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class EmbeddedWarehouse:
    """A ClickHouse database inside this process, kept in the directory `path`."""

    path: Path
    database: str = DEFAULT_DATABASE

    def __str__(self) -> str:
        # What would mean something else in a URL, and nothing more: people read it.
        path = re.sub("[%#?]", lambda found: quote(found[0]), str(self.path))
        return f"chdb://{path}" + ("" if self.database == DEFAULT_DATABASE else f"?database={self.database}")

    @property
    def lock(self) -> Path:
        """The file whose lock decides which process opens the warehouse."""
        return self.path.with_name(f"{self.path.name}.lock")


@dataclass(frozen=True, slots=True)
class ServerWarehouse:
    """A ClickHouse server behind HTTP(S). `str()` never shows the password."""

    host: str
    port: int
    secure: bool
    database: str = DEFAULT_DATABASE
    user: str = "default"
    password: str = field(default="", repr=False)
    verify: bool = True
    ca_cert: Path | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        scheme = "clickhouses" if self.secure else "clickhouse"
        return f"{scheme}://{quote(self.user, safe='')}@{host}:{self.port}/{self.database}"


Warehouse = EmbeddedWarehouse | ServerWarehouse


def as_typed(warehouse: Warehouse) -> str:
    """Return a warehouse as a shell takes it after `--warehouse`: without its password, else nothing is missing."""
    options = dict[str, str]()
    if isinstance(warehouse, ServerWarehouse):
        options |= {"ca_cert": str(warehouse.ca_cert)} if warehouse.ca_cert else {}
        options |= {} if warehouse.verify else {"verify": "false"}
    return shlex.quote(f"{warehouse}?{urlencode(options, safe='/')}" if options else str(warehouse))


def parse_warehouse_url(url: str, password: str = "") -> Warehouse:
    """Read a warehouse URL; `password` is used where the URL has none.

    Raises:
        ConfigurationError: the URL is not of a known form. The message never repeats a password.
    """
    parts = _split(url)
    if parts.scheme == "chdb":
        return _embedded(parts, url)
    if parts.scheme in PORTS:
        return _server(parts, url, password)
    raise ConfigurationError(f"warehouse: unknown kind of address {without_password(url)!r}", hint=FORMS)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url.strip())
        _ = parts.port
    except ValueError:
        # What urlsplit says of a bad port repeats the password where that was not quoted.
        raise ConfigurationError(f"warehouse: {without_password(url)!r} is not an address", hint=FORMS) from None
    return parts


def _embedded(parts: SplitResult, url: str) -> EmbeddedWarehouse:
    path = expanded(Path(unquote(parts.netloc + parts.path)))
    if not path.is_absolute() or path == Path(path.anchor) or "\0" in str(path):
        raise ConfigurationError(f"warehouse: {without_password(url)!r} names no absolute directory", hint=FORMS)
    if "#" in url:
        # What follows would be no part of the path.
        raise ConfigurationError(f"warehouse: {without_password(url)!r} has a #", hint="write %23 for it")
    if "?" in str(path):
        # The engine would take what follows for its own options, and open the directory before it.
        raise ConfigurationError(
            f"warehouse: the engine cannot open a path with a question mark: {path}", hint="name another directory"
        )
    options = _options(parts, {"database"})
    return EmbeddedWarehouse(path, _identifier(options.get("database", DEFAULT_DATABASE)))


def _server(parts: SplitResult, url: str, password: str) -> ServerWarehouse:
    if "#" in url or "@" in parts.path + parts.query.partition("=")[0]:
        # Of user and password the beginning would be host and port.
        raise ConfigurationError(f"warehouse: {without_password(url)!r} is not an address", hint=QUOTING)
    if parts.port == 0:
        raise ConfigurationError(f"warehouse: {without_password(url)!r} is not an address", hint=FORMS)
    if not parts.hostname:
        raise ConfigurationError(f"warehouse: {without_password(url)!r} names no host", hint=FORMS)
    options = _options(parts, {"ca_cert", "verify"})
    verify = options.get("verify", "true").lower()
    if verify not in ("true", "false"):
        raise ConfigurationError(f"warehouse: verify={verify} is neither true nor false", hint=FORMS)
    ca_cert = expanded(Path(options["ca_cert"])) if "ca_cert" in options else None
    if ca_cert is not None and not ca_cert.is_file():
        raise ConfigurationError(f"warehouse: ca_cert {ca_cert} is not a file", hint="give the path of a PEM file")
    return ServerWarehouse(
        host=parts.hostname,
        port=parts.port or PORTS[parts.scheme],
        secure=parts.scheme == "clickhouses",
        database=_identifier(unquote(parts.path.strip("/")) or DEFAULT_DATABASE),
        user=unquote(parts.username or "default"),
        password=unquote(parts.password) if parts.password else password,
        verify=verify == "true",
        ca_cert=ca_cert,
    )


def _options(parts: SplitResult, known: set[str]) -> dict[str, str]:
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := options.keys() - known:
        raise ConfigurationError(
            f"warehouse: unknown option {min(unknown)!r}", hint=f"known options here: {', '.join(sorted(known))}"
        )
    return options


def _identifier(name: str) -> str:
    if not IDENTIFIER.fullmatch(name):
        raise ConfigurationError(
            f"warehouse: database {name!r} is not a plain name", hint="use letters, digits and underscores"
        )
    return name

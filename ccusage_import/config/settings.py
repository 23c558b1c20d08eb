"""Every setting, and how the layers that hold them become one configuration.

A flag overrules the environment, which overrules the TOML file, which overrules what the first run chose, which
overrules the default.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import quote
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from ccusage_import.config.directories import Directories
from ccusage_import.config.exposure import Exposure, exposure_of
from ccusage_import.config.shown_names import nearest
from ccusage_import.config.tables.budget import Budget
from ccusage_import.config.tables.notify import NotifyTargets
from ccusage_import.config.tables.quota import Plan, Quota
from ccusage_import.config.values import (
    AbsolutePath,
    Command,
    HttpUrl,
    Names,
    PlainText,
    Retention,
    Rotation,
    ServerAddress,
    Textfile,
    TimeZone,
    WarehouseAddress,
)
from ccusage_import.config.warehouse_url import (
    IDENTIFIER,
    PORTS,
    EmbeddedWarehouse,
    Warehouse,
    parse_warehouse_url,
)
from ccusage_import.documents import parse_json, parse_toml
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reason_of
from ccusage_import.money import Money
from ccusage_import.money.currency import Currency
from ccusage_import.pseudonyms import Pseudonyms
from ccusage_import.versions import PINNED_VERSION

PREFIX = "CCUSAGE_IMPORT_"
# Settings that are tables in the file; the environment holds them as JSON.
TABLES = frozenset({"notify", "budget", "quota", "plan", "currency"})
# Secrets, and addresses that may hold one.
SECRETS = frozenset(
    {"warehouse", "password", "sync", "sync_password", "salt", "pushgateway", "heartbeat_url", "notify"}
)
CLASSIC_ENVIRONMENT = {"machine": "MACHINE_NAME", "password": "CH_PASSWORD", "claude_dirs": "CLAUDE_CONFIG_DIR"}


class Settings(BaseModel):
    """Every setting. Seconds and days are in the names; money is US dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    warehouse: WarehouseAddress = Field(
        description="where the data goes: chdb:///path or clickhouse(s)://user@host:port/database"
    )
    password: SecretStr | None = Field(default=None, description="password of the warehouse user")
    password_file: AbsolutePath | None = Field(default=None, description="file whose first line is that password")
    sync: ServerAddress | None = Field(
        default=None, description="server to which an embedded warehouse is pushed after each import"
    )
    sync_password: SecretStr | None = Field(default=None, description="password of the user of that server")
    cluster: str | None = Field(
        default=None, pattern=f"^{IDENTIFIER.pattern}$", description="cluster for ON CLUSTER and replicated tables"
    )
    machine: Annotated[PlainText, Field(min_length=1, max_length=200)] = Field(
        description="name of this machine in every row; chosen at the first import and kept"
    )
    timezone: TimeZone = Field(description="IANA zone in which days begin; chosen at the first import and kept")
    hash_projects: bool = Field(default=True, description="store pseudonyms instead of project names and session ids")
    salt: SecretStr = Field(
        min_length=1, description="secret of the pseudonyms; share it to join projects across machines"
    )
    claude_dirs: tuple[AbsolutePath, ...] = Field(default=(), description="Claude data directories")
    agents: Annotated[tuple[Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")], ...], Names, Field(min_length=1)] = (
        Field(default=("claude",), description="coding agents whose usage is imported, by ccusage's names, or all")
    )
    transcripts: bool = Field(
        default=True, description="read messages, tool calls and prompts from the transcripts too"
    )
    large_warehouse_gb: float = Field(
        default=5, gt=0, description="size of the warehouse, in GB, from which an import says how large it is"
    )
    ccusage: Command | None = Field(
        default=None, description="ccusage command; searched on PATH, then bunx, then npx when unset"
    )
    ccusage_version: str = Field(
        default=PINNED_VERSION, pattern=r"^\d+\.\d+\.\d+$", description="version that bunx or npx install"
    )
    online_prices: bool = Field(default=False, description="let ccusage fetch current prices from the network")
    mode: Literal["auto", "calculate", "display"] = Field(default="auto", description="ccusage's cost mode")
    prices: Literal["follow", "freeze"] = Field(
        default="follow", description="take or keep out new prices of stored usage"
    )
    skip_unchanged: bool = Field(default=True, description="run no report where nothing changed since the last import")
    keep_raw: bool = Field(
        default=False, description="keep the reports of each load on this machine, with project names in clear"
    )
    jobs: int | None = Field(
        default=None, ge=1, le=16, description="reports run at once; by version and cores when unset"
    )
    timeout_seconds: float = Field(default=300, gt=0, description="longest time one report may take")
    attempts: int = Field(default=3, ge=1, le=10, description="tries of a report that fails for a transient reason")
    lock_wait_seconds: float = Field(default=30, ge=0, description="how long to wait for another process to finish")
    log_file: AbsolutePath | None = Field(default=None, description="log file; the platform's log directory when unset")
    log_rotation: Rotation = Field(default="10 MB", description="when the log file is rotated, by size or age")
    log_retention: Retention = Field(default="30 days", description="how long rotated log files are kept")
    stale_after_hours: float = Field(
        default=26, gt=0, description="hours after the last successful import when `status` calls the data stale"
    )
    metrics_file: Textfile | None = Field(
        default=None, description="file that gets the metrics of each import, for node_exporter's textfile collector"
    )
    pushgateway: HttpUrl | None = Field(
        default=None, description="Prometheus Pushgateway that gets the metrics of each import"
    )
    heartbeat_url: HttpUrl | None = Field(
        default=None, description="address that is pinged at start, success and failure of each import"
    )
    notify: NotifyTargets = Field(
        default=(),
        description="who is notified when an import fails, data is stale or held, a budget is crossed or a quota used",
    )
    budget: Budget = Field(default=Budget(), description="what may be spent, by day and month")
    quota: Quota = Field(
        default=Quota(), description="what may be used of a plan, in a five-hour block and a week: numbers, or `max`"
    )
    plan: Plan = Field(default=Plan(), description="what the plan costs a month, and which machines share it")
    currency: Currency = Field(
        default=Currency(), description="currency in which people read money, and what a dollar is in it"
    )

    @property
    def zone(self) -> ZoneInfo:
        """The zone in which days begin."""
        return ZoneInfo(self.timezone)

    def today(self, now: datetime) -> date:
        """Return the day of an instant."""
        return now.astimezone(self.zone).date()

    @property
    def money(self) -> Money:
        """How people read money, which is US dollars everywhere else."""
        return self.currency.money

    def pseudonyms(self) -> Pseudonyms:
        """Return what turns names into their stored form."""
        return Pseudonyms(self.salt.get_secret_value(), is_enabled=self.hash_projects)

    def parsed_warehouse(self) -> Warehouse:
        """Return the warehouse with the password from wherever it was given.

        Raises:
            ConfigurationError: the URL or the password file cannot be used.
        """
        return parse_warehouse_url(self.warehouse, self._password())

    def parsed_sync(self, url: str | None = None) -> Warehouse:
        """Return the server that the warehouse is pushed to, with its password.

        Raises:
            ConfigurationError: there is none, or its URL cannot be used.
        """
        address = url or self.sync
        if address is None:
            raise ConfigurationError("push: no server is named", hint="ccusage-import push URL, or set `sync`")
        return parse_warehouse_url(address, self.sync_password.get_secret_value() if self.sync_password else "")

    def demand_transcripts(self) -> None:
        """Refuse to watch where there is nothing to watch.

        Raises:
            ConfigurationError: transcripts are not read.
        """
        if not self.transcripts:
            raise ConfigurationError(
                "transcripts = false: leaves nothing to watch", hint="ccusage-import config set transcripts true"
            )

    def _password(self) -> str:
        if self.password is not None:
            return self.password.get_secret_value()
        if self.password_file is None:
            return ""
        try:
            return self.password_file.read_text("utf-8").partition("\n")[0].strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "is not UTF-8 text"
            raise ConfigurationError(
                f"password_file {self.password_file}: {reason}", hint="check the path and its permissions"
            ) from None


SETTING_VARIABLES = frozenset(
    {"CH_HOST", "CH_PORT", "CH_USER", "CH_DATABASE"}
    | set(CLASSIC_ENVIRONMENT.values())
    | {PREFIX + name.upper() for name in Settings.model_fields}
)


@dataclass(frozen=True, slots=True)
class Configuration:
    """Validated settings, where each value came from, and the directories in use."""

    settings: Settings
    origins: Mapping[str, str]
    directories: Directories
    installation: str
    file: Path
    exposure: Exposure | None

    @property
    def log_file(self) -> Path:
        """Where the log is written."""
        return self.settings.log_file or self.directories.log_file

    def refused(self, setting: str) -> ConfigurationError | None:
        """Return why a command of the configuration file is not run, where others may write that file."""
        if self.exposure is None or self.origins[setting] != str(self.file):
            return None
        return self.exposure.refusal(setting)


def load_configuration(
    flags: Mapping[str, Any],
    environ: Mapping[str, str],
    *,
    identity: Mapping[str, str],
    directories: Directories,
    config_file: Path | None = None,
    config_text: str | None = None,
) -> Configuration:
    """Merge all layers and validate them at once.

    Args:
        flags: settings given on the command line; None means not given.
        environ: the process environment.
        identity: what the first run chose.
        directories: where the program's files are.
        config_file: TOML file; the platform's default, which may be absent, when None.
        config_text: what to take for the text of that file; it is read when None.

    Raises:
        ConfigurationError: every value that cannot be used, one a line, each with its origin.
    """
    merged: dict[str, Any] = {"warehouse": str(EmbeddedWarehouse(directories.data / "warehouse"))}
    origins = dict.fromkeys(Settings.model_fields, "default")
    file = config_file or directories.config_file
    written = _read_toml(file, required=config_file is not None) if config_text is None else parse_toml(config_text)
    layers: list[tuple[str, Mapping[str, Any]]] = [
        ("first run", {name: value for name, value in identity.items() if name in Settings.model_fields}),
        (str(file), written),
        ("environment", environment_settings(environ)),
        ("command line", {name: value for name, value in flags.items() if value is not None}),
    ]
    for origin, values in layers:
        merged.update(values)
        origins.update(dict.fromkeys(values, origin))
    try:
        settings = Settings.model_validate(merged)
    except ValidationError as error:
        places = _Places(file, directories.identity_file, environ, is_changing=config_text is not None)
        raise _configuration_error(error, origins, places) from None
    warehouse = settings.parsed_warehouse()
    if isinstance(warehouse, EmbeddedWarehouse) and warehouse.path.is_relative_to(directories.demo.data):
        directories = directories.demo
    return Configuration(settings, origins, directories, identity.get("installation", ""), file, exposure_of(file))


def environment_settings(environ: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings that the environment holds; empty variables count as unset."""
    found: dict[str, Any] = {}
    if environ.get("CH_HOST"):
        found["warehouse"] = _classic_url(environ)
    for name in Settings.model_fields:
        for variable in (CLASSIC_ENVIRONMENT.get(name), PREFIX + name.upper()):
            if variable and environ.get(variable):
                found[name] = environ[variable]
    if "claude_dirs" in found:
        found["claude_dirs"] = tuple(part.strip() for part in found["claude_dirs"].split(",") if part.strip())
    for name in TABLES & found.keys():
        try:
            found[name] = parse_json(found[name])
        except ValueError:
            # Left as it is: whoever validates it says that it is not a table.
            continue
    return found


def _classic_url(environ: Mapping[str, str]) -> str:
    host, port = environ["CH_HOST"], environ.get("CH_PORT", "")
    scheme = "clickhouses" if port in ("8443", "443") else "clickhouse"
    user = quote(environ.get("CH_USER") or "default", safe="")
    database = quote(environ.get("CH_DATABASE", ""), safe="")
    return f"{scheme}://{user}@{f'[{host}]' if ':' in host else host}:{port or PORTS[scheme]}/{database}"


def _read_toml(file: Path, *, required: bool) -> dict[str, Any]:
    try:
        return parse_toml(file.read_text("utf-8-sig"))
    except FileNotFoundError:
        if required:
            raise ConfigurationError(f"config file {file}: no such file", hint="check --config") from None
        return {}
    except (OSError, ValueError) as error:
        hint = "name a file" if isinstance(error, IsADirectoryError) else "correct the file"
        raise ConfigurationError(f"config file {file}: {reason_of(error)}", hint=hint) from None


# Instead of what pydantic says, which names classes.
_PATTERNS = {
    "ccusage_version": f'Input should be a version in quotes, such as "{PINNED_VERSION}"',
    "agents": "Input should be the name of an agent in small letters, such as codex",
    "cluster": "Input should be a name of letters, digits and underscores, which begins with no digit",
}
_REASONS = {"extra_forbidden": "unknown setting", "model_type": "Input should be a table, such as {name = value}"}


@dataclass(frozen=True, slots=True)
class _Places:
    """Where a value that cannot be used is corrected."""

    file: Path
    identity_file: Path
    environ: Mapping[str, str]
    is_changing: bool

    def of(self, name: str, origin: str) -> str:
        """Return where the value of a setting is written."""
        if origin == "environment":
            names = (PREFIX + name.upper(), CLASSIC_ENVIRONMENT.get(name, "CH_HOST"))
            return next(each for each in names if self.environ.get(each))
        if origin == "command line":
            return f"{name} on the command line"
        if origin == str(self.file):
            return f"the value, or {self.file}" if self.is_changing else origin
        return str(self.identity_file)


def _similar_settings(location: tuple[int | str, ...]) -> str:
    """Return the words that name known settings similar to an unknown one; empty where there are none."""
    model: Any = Settings
    for part in location[:-1]:
        field = model.model_fields.get(part) if hasattr(model, "model_fields") else None
        model = field.annotation if field else None
    similar = nearest(str(location[-1]), getattr(model, "model_fields", ()))
    return f"; nearest: {', '.join(similar)}" if similar else ""


def _configuration_error(error: ValidationError, origins: Mapping[str, str], places: _Places) -> ConfigurationError:
    lines, corrected = [], dict[str, None]()
    for item in error.errors(include_input=False, include_url=False):
        name = str(item["loc"][0])
        reason = _REASONS.get(item["type"], item["msg"].removeprefix("Value error, "))
        if item["type"] in ("string_pattern_mismatch", "string_type"):
            reason = _PATTERNS.get(name, reason)
        path = ".".join(map(str, item["loc"]))
        similar = _similar_settings(item["loc"]) if item["type"] == "extra_forbidden" else ""
        origin = origins.get(name, "not set")
        lines.append(f"{path} ({origin}): {reason}{similar}")
        corrected[places.of(name, origin)] = None
    what = "value" if len(lines) == 1 else "values"
    return ConfigurationError(
        f"configuration: {len(lines)} {what} cannot be used",
        details=tuple(lines),
        hint=f"correct {', '.join(corrected)}",
    )

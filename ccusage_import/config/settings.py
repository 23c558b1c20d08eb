"""Every setting, and the configuration that holds them with where each value came from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from ccusage_import.config.directories import Directories
from ccusage_import.config.exposure import Exposure
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
from ccusage_import.config.warehouse_url import IDENTIFIER, Warehouse, parse_warehouse_url
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import reason_of
from ccusage_import.money import Money
from ccusage_import.money.currency import Currency
from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.versions import PINNED_VERSION

PREFIX = "CCUSAGE_IMPORT_"
# Secrets, and addresses that may hold one.
SECRETS = frozenset(
    {"warehouse", "password", "sync", "sync_password", "salt", "pushgateway", "heartbeat_url", "notify"}
)
CLASSIC_ENVIRONMENT = {"machine": "MACHINE_NAME", "password": "CH_PASSWORD", "claude_dirs": "CLAUDE_CONFIG_DIR"}


class Settings(BaseModel):
    """Every setting. Seconds and days are in the names; money is US dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True, allow_inf_nan=False)

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
        default=5, gt=0, description="size of the warehouse in GB above which an import warns"
    )
    ccusage: Command | None = Field(
        default=None, description="ccusage command; searched on PATH, then bunx, then npx when unset"
    )
    ccusage_version: str = Field(
        default=PINNED_VERSION, pattern=r"^\d+\.\d+\.\d+$", description="version that bunx or npx installs"
    )
    online_prices: bool = Field(default=False, description="let ccusage fetch current prices from the network")
    mode: Literal["auto", "calculate", "display"] = Field(default="auto", description="ccusage's cost mode")
    prices: Literal["follow", "freeze"] = Field(
        default="follow", description="`follow` new prices of stored usage, or `freeze` the old ones"
    )
    skip_unchanged: bool = Field(default=True, description="run no report where nothing changed since the last import")
    keep_raw: bool = Field(
        default=False, description="keep the reports of each load on this machine, with project names in clear"
    )
    jobs: int | None = Field(
        default=None, ge=1, le=16, description="reports run at once; by version and cores when unset"
    )
    timeout_seconds: float = Field(default=300, gt=0, description="longest time one report may take")
    attempts: int = Field(
        default=3, ge=1, le=10, description="how often to try a report that fails for a transient reason"
    )
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
            raise ConfigurationError(
                f"password_file {self.password_file}: {reason_of(error)}", hint="check the path and its permissions"
            ) from None


# What a warehouse is made of where no setting names one.
CLASSIC_WAREHOUSE = ("CH_HOST", "CH_PORT", "CH_USER", "CH_DATABASE")
SETTING_VARIABLES = frozenset(
    {*CLASSIC_WAREHOUSE, *CLASSIC_ENVIRONMENT.values()} | {PREFIX + name.upper() for name in Settings.model_fields}
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

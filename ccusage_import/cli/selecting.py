"""The options that select what a digest is of: days, a project, an agent, a machine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Annotated

import typer

from ccusage_import.config.settings import Settings
from ccusage_import.days import month_of_option, period_of_options, today_in
from ccusage_import.digest.model import Selection
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.querying.known_names import meant_projects, refuse_unknown, stored_names
from ccusage_import.warehouse.clickhouse_client import ClickHouse

Since = Annotated[str | None, typer.Option(metavar="DAY", help="First day to show.")]
Days = tuple[date | None, date | None]


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say, as it was typed; without a first day, the last `last_days` are meant if there are any."""

    month: str = ""
    since: str | None = None
    until: str | None = None
    project: str = ""
    agent: str = ""
    machine: str = ""
    last_days: int | None = None

    def days(self, timezone: str) -> Days:
        """Return the first and the last day that are shown, None where nothing bounds them.

        Raises:
            ConfigurationError: an option names no day or month, or two of them do not go together.
        """
        today = today_in(timezone)
        if self.month:
            for option, day in (("--since", self.since), ("--until", self.until)):
                if day is not None:
                    raise ConfigurationError(f"--month and {option} exclude each other", hint="give one of them")
            return month_of_option("--month", self.month)
        since, until = period_of_options(self.since, self.until, today)
        if since is None and self.last_days is not None:
            since = today - timedelta(days=self.last_days - 1)
        return since, until


def selection_of(
    warehouse: ClickHouse, asked: Asked, days: Days, settings: Settings, names: Mapping[str, str]
) -> Selection:
    """Return what is selected, of names that are stored.

    Args:
        warehouse: where they are stored.
        asked: what the options say.
        days: the first and the last one.
        settings: how names of projects are stored.
        names: pseudonym to name.

    Raises:
        ConfigurationError: nothing is stored under a name; it names the nearest ones.
    """
    refuse_unknown(warehouse, {"machine": asked.machine, "agent": asked.agent})
    projects: list[str] = []
    if asked.project:
        stored = stored_names({"project": asked.project}, settings)["project"]
        projects = meant_projects(warehouse, asked.project, stored, names)
    return Selection(asked.machine, asked.agent, asked.project, projects, *days)

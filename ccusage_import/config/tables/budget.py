"""Budgets: what the configuration allows to be spent, and how much of it has been."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from ccusage_import.documents import is_utf8

Period = Literal["daily", "monthly"]
Scope = Literal["all", "project", "model", "agent", "machine"]
Dollars = Annotated[Decimal, Field(gt=0, max_digits=18, decimal_places=9)]


class Limits(BaseModel):
    """What may be spent in a day and in a calendar month, in US dollars."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    daily: Dollars | None = None
    monthly: Dollars | None = None


def _of_a_month(value: object) -> object:
    """Return an amount alone as what may be spent in a month."""
    return value if isinstance(value, Mapping | Limits | bool) else {"monthly": value}


def _text(name: str) -> str:
    if not is_utf8(name):
        raise ValueError("is not UTF-8")
    return name


Parts = Mapping[Annotated[str, AfterValidator(_text)], Annotated[Limits, BeforeValidator(_of_a_month)]]


class Budget(Limits):
    """The table `[budget]` of the configuration: limits of everything together, and of parts by name."""

    projects: Parts = Field(default_factory=dict)
    models: Parts = Field(default_factory=dict)
    agents: Parts = Field(default_factory=dict)
    machines: Parts = Field(default_factory=dict)

    def limits(self) -> Iterator[BudgetLimit]:
        """Return every single limit."""
        yield from _limits_of("all", "", self)
        parts: dict[Scope, Mapping[str, Limits]] = {
            "project": self.projects,
            "model": self.models,
            "agent": self.agents,
            "machine": self.machines,
        }
        for scope, limits in parts.items():
            for name, limit in limits.items():
                yield from _limits_of(scope, name, limit)


@dataclass(frozen=True, slots=True)
class BudgetLimit:
    """One limit in US dollars; `name` is empty where it is for everything together."""

    scope: Scope
    name: str
    period: Period
    limit_usd: Decimal


def _limits_of(scope: Scope, name: str, limits: Limits) -> Iterator[BudgetLimit]:
    if limits.daily is not None:
        yield BudgetLimit(scope, name, "daily", limits.daily)
    if limits.monthly is not None:
        yield BudgetLimit(scope, name, "monthly", limits.monthly)

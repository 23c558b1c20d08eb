"""A plan: what it costs, and how much of it may be used in a five-hour block and in a week."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from typing import Annotated, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

from ccusage_import.config.tables.budget import Dollars

QuotaName = Literal["block_tokens", "block_usd", "week_usd"]
# The warehouse keeps nine decimals of a number.
LEAST, LARGEST = Decimal("1e-9"), 10**27
WANTED = "Input should be a number greater than 0, or max, which is the largest of the past"


def _limit(value: object) -> object:
    if value == "max":
        return value
    try:
        number = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(WANTED) from None
    if isinstance(value, bool) or not number.is_finite() or not LEAST <= number < LARGEST:
        raise ValueError(WANTED)
    return number


# A number stands before the word: what was read is one or the other.
QuotaLimit = Annotated[Decimal | Literal["max"], BeforeValidator(_limit)]


class Plan(BaseModel):
    """The table `[plan]` of the configuration: what the subscription of Claude Code costs a month, in US dollars.

    Machines with the same account share one plan.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    monthly: Dollars | None = None
    account: Annotated[str, Field(max_length=200)] = ""


class Quota(BaseModel):
    """The table `[quota]` of the configuration: tokens or US dollars of Claude Code on this machine.

    `max` is the largest block or week of the past, without the current one, as `ccusage blocks -t max` has it.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    block_tokens: QuotaLimit | None = None
    block_usd: QuotaLimit | None = None
    week_usd: QuotaLimit | None = None

    @property
    def is_set(self) -> bool:
        """Whether there is any quota."""
        return any(self.limits())

    def limits(self) -> Iterator[tuple[QuotaName, Decimal | None]]:
        """Return every quota that is set; None stands for the largest of the past."""
        for name in get_args(QuotaName):
            limit: Decimal | Literal["max"] | None = getattr(self, name)
            if limit is not None:
                yield name, None if limit == "max" else limit

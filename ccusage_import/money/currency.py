"""The currency in which people read money, as it is configured."""

from __future__ import annotations

import unicodedata
from decimal import Decimal, InvalidOperation
from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from ccusage_import.money import DOLLARS, Money

LARGEST_RATE = 10**9
LONGEST_SYMBOL = 5
SET = "ccusage-import config set"
WANTED_CODE = f"Input should be three letters as in ISO 4217: {SET} currency.code EUR"
WANTED_RATE = f"Input should be a number greater than 0, what one US dollar is: {SET} currency.rate 0.92"
WANTED_SYMBOL = (
    f"Input should be a sign such as € or CA$, of at most {LONGEST_SYMBOL} letters, signs of currencies and dots:"
    f" {SET} currency.symbol €"
)


def _code(code: str) -> str:
    if not (len(code) == 3 and code.isascii() and code.isalpha()):
        raise ValueError(WANTED_CODE)
    if code.upper() == DOLLARS.code:
        raise ValueError("Input should be another currency than USD; without `currency` dollars are shown")
    return code.upper()


def _rate(value: object) -> Decimal:
    try:
        rate = Decimal(str(value))
    except InvalidOperation:
        raise ValueError(WANTED_RATE) from None
    if isinstance(value, bool) or not rate.is_finite() or not 0 < rate < LARGEST_RATE:
        raise ValueError(WANTED_RATE)
    return rate


def _symbol(symbol: str) -> str:
    if symbol in (DOLLARS.symbol, "US$"):
        raise ValueError(
            f"Input should be a sign that is not that of US dollars, such as CA$: {SET} currency.symbol CA$"
        )
    is_sign = all(sign.isalpha() or unicodedata.category(sign) == "Sc" or sign in "./" for sign in symbol)
    if len(symbol) > LONGEST_SYMBOL or not is_sign:
        raise ValueError(WANTED_SYMBOL)
    return symbol


class Currency(BaseModel):
    """The table `[currency]` of the configuration: a code, what one US dollar is in it, and its sign."""

    model_config = ConfigDict(frozen=True, extra="forbid", str_strip_whitespace=True)

    code: Annotated[str, AfterValidator(_code)] = ""
    rate: Annotated[Decimal | None, BeforeValidator(_rate)] = None
    symbol: Annotated[str, AfterValidator(_symbol)] = ""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        missing = [name for name, value in (("code", self.code), ("rate", self.rate)) if not value]
        if missing and self.model_fields_set:
            both = f'{{code = "{self.code or "EUR"}", rate = {self.rate or "0.92"}}}'
            verb = "is" if len(missing) == 1 else "are"
            raise ValueError(f"{' and '.join(missing)} {verb} missing: {SET} currency '{both}'")
        return self

    @property
    def money(self) -> Money:
        """How people read money."""
        return DOLLARS if self.rate is None else Money(self.code, self.rate, self.symbol)

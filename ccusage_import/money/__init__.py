"""How people read money. It is kept in US dollars, and so are all numbers that programs read.

The status line runs at every answer, so this imports next to nothing.
"""

from __future__ import annotations

from math import floor, log10
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from decimal import Decimal

# ISO 4217: what does not have two decimals.
_WHOLE = (
    "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "VND", "VUV", "XAF", "XOF", "XPF",
)  # fmt: skip
_THOUSANDTHS = ("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND")
_LEAST = 5e-10
_DECIMALS = {**dict.fromkeys(_WHOLE, 0), **dict.fromkeys(_THOUSANDTHS, 3)}


class Money(NamedTuple):
    """A currency by its code of ISO 4217, how many units of it a US dollar is, and its sign, where it has one."""

    code: str = "USD"
    rate: Decimal | float = 1
    symbol: str = "$"

    @property
    def sign(self) -> str:
        """What stands before an amount: a sign, or letters and a space."""
        shown = self.symbol or self.code
        return f"{shown} " if shown[-1].isalpha() else shown

    @property
    def decimals(self) -> int:
        """How many digits follow the point."""
        return _DECIMALS.get(self.code, 2)

    @property
    def note(self) -> str:
        """What a converted amount was converted at, such as `at 0.92 EUR per dollar`; empty for dollars."""
        if self.code == "USD":
            return ""
        from decimal import Decimal

        return f"at {Decimal(str(self.rate)).normalize():f} {self.code} per dollar"

    def of(self, usd: Decimal | float) -> Decimal | float:
        """Return US dollars in this currency, not rounded."""
        if self.rate == 1:
            return usd
        # It takes longer to import than all that the status line needs.
        from decimal import Decimal

        return Decimal(str(usd)) * Decimal(str(self.rate))

    def text(self, usd: Decimal | float) -> str:
        """Return US dollars as an amount with the decimals of the currency, or enough of them not to read as zero.

        What rounds to no billionth is what floating-point numbers leave of nothing.
        """
        amount = self.of(usd)
        size = abs(float(amount))
        is_small = _LEAST <= size < 10**-self.decimals
        enough = max(self.decimals + 2, -floor(log10(size))) if is_small else self.decimals
        return self._signed(amount, enough)

    def whole(self, usd: Decimal | float) -> str:
        """Return US dollars as an amount without decimals."""
        return self._signed(self.of(usd), 0)

    def _signed(self, amount: Decimal | float, decimals: int) -> str:
        if isinstance(amount, float):
            from decimal import Decimal

            # What is printed as 0.015 is a little less in binary, which is no reason to round it down.
            amount = Decimal(str(amount))
        # What rounds to nothing is neither less nor more than nothing.
        shown = f"{amount:z,.{decimals}f}"
        return f"-{self.sign}{shown[1:]}" if shown.startswith("-") else f"{self.sign}{shown}"


DOLLARS = Money()

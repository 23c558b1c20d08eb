"""CSV for spreadsheets, which run texts that begin like formulas."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

_QUOTED = re.compile(rb'"((?:[^"]|"")*)"')
# As OWASP lists them (https://owasp.org/www-community/attacks/CSV_Injection); the last four are of full width.
_FORMULA_BEGINS = tuple(sign.encode() for sign in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")


def as_safe_csv(answer: bytes) -> bytes:
    """Return CSV with a quote before texts that a spreadsheet would run; the engine leaves only numbers unquoted."""
    return _QUOTED.sub(lambda cell: b"\"'" + cell[0][1:] if cell[1].startswith(_FORMULA_BEGINS) else cell[0], answer)


def safe_pieces(pieces: Iterable[bytes]) -> Iterator[bytes]:
    """Yield CSV that comes in pieces as `as_safe_csv` returns it, some whole rows at a time."""
    rest = b""
    for piece in pieces:
        rest += piece
        end = rest.rfind(b"\n") + 1
        # A line that ends within a text ends no row.
        while rest.count(b'"', 0, end) % 2:
            end = rest.rfind(b"\n", 0, end - 1) + 1
        yield as_safe_csv(rest[:end])
        rest = rest[end:]
    yield as_safe_csv(rest)

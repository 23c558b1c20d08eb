"""The known names that are most like one that is not known."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_SHOWN = 3


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Return the most similar of the known names, whatever the case of their letters; none where none is similar."""
    by_folded = {each.casefold(): each for each in known}
    return [by_folded[each] for each in difflib.get_close_matches(name.casefold(), by_folded, n=_SHOWN)]

"""What is long by nature: most of the cases of a test, where few of them stand for all in the ordinary run."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pytest


def some_of(cases: Iterable[Any], *ordinary: int) -> list[Any]:
    """Return the cases of a parameter, or tuples of several; all but those at the ordinary places are exhaustive."""
    return [
        pytest.param(
            *(case if isinstance(case, tuple) else (case,)),
            marks=() if at in ordinary else pytest.mark.exhaustive,
        )
        for at, case in enumerate(cases)
    ]


def all_but(ordinary: Collection[Any], cases: Sequence[Any]) -> list[Any]:
    """Return the cases of a parameter, or tuples of several; all but the ordinary ones are exhaustive."""
    return some_of(cases, *(at for at, case in enumerate(cases) if case in ordinary))

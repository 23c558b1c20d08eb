"""Two warehouses: that of a laptop, and a server to which it pushes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conftest import Place, Program, Spares


@pytest.fixture
def server(spares: Spares) -> Iterator[Place]:
    """An empty warehouse behind HTTP with all tables."""
    with spares.lent() as place:
        yield place


@pytest.fixture
def laptop(program: Program) -> Place:
    """The embedded warehouse in the home of the program."""
    return Place(f"chdb://{program.home}/.local/share/ccusage-import/warehouse")

"""A warehouse for transcripts that are read in many ways, each as a machine of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from tests.conftest import copy_template


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory, template: Path) -> Iterator[ClickHouse]:
    """One warehouse for all tests of a module."""
    directory = copy_template(template, tmp_path_factory.mktemp("facts") / "warehouse")
    with open_warehouse(parse_warehouse_url(f"chdb://{directory}")) as warehouse:
        yield warehouse

"""Costs of messages against those of every report, in the modes that give a cost to each."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Place, Program
from tests.support.exhaustive import some_of
from tests.support.facts import LARGER, name_of


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.parametrize("corpus", some_of(LARGER, 0, 2), ids=name_of)
@pytest.mark.parametrize("mode", ["auto", "calculate"])
def test_costs_add_up_to_every_report(
    program: Program, embedded: Callable[[str], Place], tmp_path: Path, corpus: Path, mode: str
) -> None:
    shutil.copytree(corpus, root := tmp_path / "claude")
    place = embedded("warehouse")

    done = program("import", "--warehouse", place.url, "--claude-dir", root, CCUSAGE_IMPORT_MODE=mode)

    assert done.exit_code == 0, done.stderr
    for view in ("ledger_daily", "ledger_sessions"):
        assert place.rows(
            f"SELECT countIf(token_difference != 0), countIf(abs(cost_difference_usd) > 1e-9), count() > 0 FROM {view}"
        ) == [(0, 0, True)]
    assert (
        place.rows(
            "SELECT date, models.model, cost, models.cost_usd FROM daily ARRAY JOIN models LEFT JOIN"
            " (SELECT date, model, sum(cost_usd) AS cost FROM messages WHERE has(counts_in, 'daily')"
            " GROUP BY date, model)"
            " AS mine ON mine.date = daily.date AND mine.model = models.model WHERE abs(cost - models.cost_usd) > 1e-9"
        )
        == []
    )

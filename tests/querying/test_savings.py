"""The queries on savings: two machines and two projects, against dollars worked out by hand."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.records import ModelPrice
from ccusage_import.warehouse.prices import write_prices
from tests.conftest import Place
from tests.querying.test_queries import answer
from tests.support.claude_dir import days_ago
from tests.support.facts import Reader
from tests.support.sessions import Session

OPUS, SONNET = "claude-opus-4-6", "claude-sonnet-4-5-20250929"
PRICES = {OPUS: ("5", "25", "6.25", "10", "0.5"), SONNET: ("3", "15", "3.75", "6", "0.3")}


def questions(root: Path, *tokens: int, project: str) -> Path:
    """Write a session of questions to Opus that change nothing: answers of so many tokens, the last one interrupted."""
    session = Session(root, f"{root.name}{project}", project=project)
    for minute, output_tokens in enumerate(tokens):
        session.ask(minute)
        session.answer(minute + 0.5, OPUS, tokens=(0, output_tokens))
    session.interrupted(len(tokens))
    return root


@pytest.mark.exhaustive_at("http")
def test_savings_and_what_proves_them(migrated: Place, tmp_path: Path) -> None:
    with migrated.opened() as opened:
        prices = [ModelPrice._make(("claude", model, *map(Decimal, usd), *[None] * 5)) for model, usd in PRICES.items()]
        write_prices(opened, 1, "20.0.24", prices, is_offline=True)
        studio = [questions(tmp_path / "one", 1000, 3000, 2000, project="-shop")]
        studio += [questions(tmp_path / "two", 8000, project="-blog")]
        Reader(opened, tmp_path / "studio", "studio", hashes=False).read(*studio)
        laptop = questions(tmp_path / "three", 5000, 1000, project="-shop")
        Reader(opened, tmp_path / "laptop", "laptop", hashes=False).read(laptop)
    with migrated.keep_open():
        # 0.01 $ a thousand tokens with Sonnet, all 0.025 $ of what was interrupted.
        kinds = [row[:5] for row in answer(migrated, "savings")]
        assert kinds == [
            ("interrupted_turns", Decimal("0.275"), 3, "turn", False),
            ("large_model", Decimal("0.09"), 3, "turn", True),
        ]
        assert [row[:3] for row in answer(migrated, "savings", machine="laptop")] == [
            ("large_model", Decimal("0.05"), 1),
            ("interrupted_turns", Decimal("0.025"), 1),
        ]
        assert [row[:3] for row in answer(migrated, "savings", project="-blog")] == [
            ("interrupted_turns", Decimal("0.2"), 1)
        ]

        day = days_ago(1).date().isoformat()
        proofs = answer(migrated, "savings_evidence", kind="large_model")
        assert [(*row[:7], row[8]) for row in proofs] == [
            ("large_model", Decimal("0.05"), Decimal("0.125"), 1, day, "-shop", "three-shop", "laptop"),
            ("large_model", Decimal("0.03"), Decimal("0.075"), 1, day, "-shop", "one-shop", "studio"),
            ("large_model", Decimal("0.01"), Decimal("0.025"), 1, day, "-shop", "one-shop", "studio"),
        ]
        (evidence,) = [row[-1] for row in answer(migrated, "savings") if row[0] == "large_model"]
        assert evidence == [str(row[7]) for row in proofs]
        assert [row[0] for row in answer(migrated, "savings_evidence", top="1")] == ["interrupted_turns"]

"""Prices by class, asked of the real ccusage, and what they make of the real transcripts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.ccusage.prices import PriceSource
from ccusage_import.ccusage.runner import FetchOptions, find_runner
from tests.conftest import Place, Program
from tests.support.claude_dir import SONNET, days_ago

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

# Input, output, cache writes of 5 minutes and of an hour, cache reads; then the same in long contexts.
PRICES = {
    ("claude", "claude-3-haiku-20240307"): ("0.25", "1.25", "0.3", "0.5", "0.03"),
    ("claude", "claude-haiku-4-5-20251001"): ("1", "5", "1.25", "2", "0.1"),
    ("claude", "claude-opus-4-6"): ("5", "25", "6.25", "10", "0.5"),
    ("claude", "claude-opus-4-6-fast"): ("30", "150", "37.5", "60", "3"),
    ("claude", SONNET): ("3", "15", "3.75", "6", "0.3", "6", "22.5", "7.5", "12", "0.6"),
    ("codex", "gpt-5-pro"): ("15", "120", "15", "15", "15"),
    ("codex", "gpt-5.2-codex"): ("1.75", "14", "1.75", "1.75", "0.175"),
    ("codex", "gpt-5.5"): ("5", "30", "5", "5", "0.5", "10", "45", "10", "10", "1"),
    ("opencode", "claude-opus-4-6"): ("5", "25", "6.25", "10", "0.5"),
}
UNKNOWN = {("claude", "nobody-knows-1"), ("codex", "gpt-unknown-99")}


@pytest.fixture
def source(tmp_path: Path, ccusage20: Path) -> PriceSource:
    """The pinned ccusage, with a state directory of its own."""
    environ = {"PATH": f"{ccusage20.parent}:/usr/local/bin:/usr/bin:/bin", "HOME": str(tmp_path)}
    options = FetchOptions(state_dir=tmp_path / "state", command=(str(ccusage20),))
    return PriceSource(find_runner(options, environ), options, environ)


def test_prices_are_those_of_the_list_by_class_and_in_long_contexts(source: PriceSource) -> None:
    found = {price[:2]: price[2:] for price in source.ask({*PRICES, *UNKNOWN})}

    expected = {of: tuple(map(Decimal, usd)) + (None,) * (10 - len(usd)) for of, usd in PRICES.items()}
    assert found == expected
    assert not (source.options.state_dir / "price_questions").exists()


def test_what_has_no_price_is_asked_for_again_on_request_alone(source: PriceSource) -> None:
    assert source.ask(set(UNKNOWN)) == []
    # A ccusage that cannot run any more shows whether it was run.
    broken = replace(source, runner=replace(source.runner, argv=("/bin/false",)))
    remembered = json.loads((source.options.state_dir / "without_price.json").read_text())

    assert remembered == {f"{source.runner.version} offline": sorted(map(list, UNKNOWN))}
    assert broken.ask(set(UNKNOWN)) == []
    assert [price.model for price in source.ask(set(UNKNOWN), again=[("claude", SONNET)])] == [SONNET]


def test_a_ccusage_that_fails_gives_no_prices_and_no_error(source: PriceSource) -> None:
    broken = replace(source, runner=replace(source.runner, argv=("/bin/false",)))

    assert broken.ask({("claude", SONNET), ("codex", "gpt-5.5")}) == []
    assert [price.model for price in source.ask({("claude", SONNET)})] == [SONNET]


# --- what an import makes of them -----------------------------------------------------------------------


def imported(program: Program, place: Place, directory: Path, **environ: str) -> None:
    done = program(
        "import", "--warehouse", place.url, "--claude-dir", directory, "--timezone", "UTC", "--quiet", **environ
    )
    assert done.exit_code == 0, done.stderr


def say(file: Path, number: int, usage: Mapping[str, object], model: str = SONNET) -> None:
    """Append an answer to a transcript."""
    counts = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    line = {
        "timestamp": days_ago(1).strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "sessionId": "a",
        "version": "2.0.14",
        "requestId": f"req_{number}",
        "message": {"id": f"msg_{number}", "model": model, "usage": dict.fromkeys(counts, 0) | dict(usage)},
    }
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("a") as transcript:
        transcript.write(json.dumps(line, separators=(",", ":")) + "\n")


def test_an_import_keeps_prices_once_and_needs_none(migrated: Place, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "claude" / "projects" / "-home-ana-shop" / "a.jsonl"
    say(file, 1, {"output_tokens": 1000})
    say(file, 2, {"output_tokens": 1000}, "nobody-knows-1")
    imported(program, migrated, tmp_path / "claude")
    say(file, 3, {"output_tokens": 1000})
    imported(program, migrated, tmp_path / "claude")
    rows = "SELECT model, ccusage_version, is_current, is_offline, output_usd, cache_creation_1h_usd FROM prices"
    sonnet = (SONNET, "20.0.24", True, True, Decimal(15), Decimal(6))
    assert migrated.rows(rows) == [sonnet]

    say(file, 4, {"output_tokens": 1000}, "claude-opus-4-6")
    imported(program, migrated, tmp_path / "claude")

    opus = ("claude-opus-4-6", "20.0.24", True, True, Decimal(25), Decimal(10))
    assert sorted(migrated.rows(rows)) == sorted([sonnet, opus])
    assert migrated.rows("SELECT count(), uniqExact(load_id) FROM price_list") == [(2, 2)]


def test_cache_writes_of_an_hour_follow_from_the_cost(migrated: Place, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "claude" / "projects" / "-home-ana-shop" / "a.jsonl"
    kinds = {"ephemeral_5m_input_tokens": 60_000, "ephemeral_1h_input_tokens": 40_000}
    usage = {"input_tokens": 1000, "output_tokens": 2000, "cache_read_input_tokens": 150_000}
    say(file, 1, {**usage, "cache_creation_input_tokens": 100_000, "cache_creation": kinds})
    imported(program, migrated, tmp_path / "claude")

    # 1,000 * 3 $, 2,000 * 15 $, 60,000 * 3.75 $ + 40,000 * 6 $, 150,000 * 0.3 $ a million.
    assert migrated.rows(
        "SELECT cache_creation_1h_tokens, input_cost_usd, output_cost_usd, cache_creation_cost_usd,"
        " cache_read_cost_usd, other_cost_usd, cost_usd FROM model_costs"
    ) == [
        (40_000, *map(Decimal, ("0.003", "0.03", "0.465", "0.045", "0", "0.543"))),
    ]
    # 250,000 * 3 $ a million without a cache.
    assert migrated.rows("SELECT cache_savings_usd FROM model_performance") == [(Decimal("0.24"),)]


def test_what_classes_do_not_explain_is_the_rest(migrated: Place, program: Program, tmp_path: Path) -> None:
    file = tmp_path / "claude" / "projects" / "-home-ana-shop" / "a.jsonl"
    say(file, 1, {"input_tokens": 300_000})
    say(file, 2, {"output_tokens": 1000}, "nobody-knows-1")
    imported(program, migrated, tmp_path / "claude")

    # 200,000 * 3 $ and 100,000 * 6 $ a million.
    assert migrated.rows(
        "SELECT model, cost_usd, input_cost_usd, other_cost_usd, unpriced FROM model_costs ORDER BY model"
    ) == [
        (SONNET, Decimal("1.2"), Decimal("0.9"), Decimal("0.3"), False),
        ("nobody-knows-1", Decimal(0), None, Decimal(0), True),
    ]


@pytest.mark.one_place
@pytest.mark.parametrize(
    ("corpus_name", "expected"),
    [
        # Tokens of 5 minutes and of an hour; cost of input, output, cache writes and reads, the rest; savings.
        ("june", (206_624, 0, "0.000879", "0.289695", "0.77484", "1.2907155", "0", "11.4614715")),
        ("september", (198_421, 0, "0.00372", "0.848025", "0.74407875", "1.2225996", "0", "10.85458065")),
        (
            "real/2026-01",
            (2_625_961, 2_265_795, "0.054559", "1.424325", "33.27628075", "40.2134069", "0", "349.30084735"),
        ),
    ],
)
def test_costs_by_class_are_those_of_the_messages(
    migrated: Place, program: Program, corpus: Callable[[str], Path], corpus_name: str, expected: tuple[int | str, ...]
) -> None:
    imported(program, migrated, corpus(corpus_name))

    assert migrated.rows(
        "SELECT sum(cache_creation_tokens) - sum(cache_creation_1h_tokens), sum(cache_creation_1h_tokens),"
        " sum(input_cost_usd), sum(output_cost_usd), sum(cache_creation_cost_usd), sum(cache_read_cost_usd),"
        " sum(other_cost_usd), sum(cache_savings_usd) FROM model_costs"
    ) == [(*expected[:2], *map(Decimal, expected[2:]))]


def test_the_cost_of_codex_is_split_by_model(
    migrated: Place, program: Program, corpus: Callable[[str], Path], tmp_path: Path
) -> None:
    agents = corpus("agents")
    shutil.copytree(agents / "codex", tmp_path / "codex")
    file = next((tmp_path / "codex").rglob("rollout-2026-05-13*.jsonl"))
    # Both on one day: 750 * 1.75 $ + 250 * 0.175 $ + 125 * 14 $; 2,000 * 1.75 $ + 500 * 0.175 $ + 300 * 14 $.
    file.write_text(file.read_text().replace("2026-05-14T10", "2026-05-13T10"))
    imported(program, migrated, agents / "claude", CODEX_HOME=str(tmp_path / "codex"), CCUSAGE_IMPORT_AGENTS="codex")

    assert migrated.rows(
        "SELECT model, total_tokens, cost_usd, input_cost_usd, cache_read_cost_usd, output_cost_usd, other_cost_usd"
        " FROM model_costs WHERE date = '2026-05-13' ORDER BY model"
    ) == [
        ("gpt-5.2-codex", 1125, *map(Decimal, ("0.00310625", "0.0013125", "0.00004375", "0.00175", "0"))),
        ("gpt-5.3-codex", 2800, *map(Decimal, ("0.0077875", "0.0035", "0.0000875", "0.0042", "0"))),
    ]
    assert migrated.rows("SELECT sum(cost_usd) FROM model_costs") == migrated.rows("SELECT sum(cost_usd) FROM daily")

"""What the next run of a command costs: the command, its query and its view, against numbers worked out by hand."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import jsonschema
import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from ccusage_import.warehouse.prices import write_prices
from tests.conftest import Place, Program, only_read
from tests.support.facts import Reader
from tests.support.prompts import HAIKU, OPUS, PRICES, Session, price
from tests.support.schemas import SCHEMAS

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

START = datetime(2026, 3, 2, 8, tzinfo=UTC)
SHOP, BLOG = "-home-ana-shop", "-home-ana-blog"


def run(claude: Path, number: int, command: str, cents: int, *, project: str = SHOP, model: str = OPUS) -> None:
    """One run, an hour after the one before, that costs so many cents and takes as many seconds."""
    session = Session(claude, f"s{number}", START + timedelta(hours=number), project=project)
    session.prompt(command).after(cents).answer(cents * (400 if model == OPUS else 2000), model=model)


@pytest.fixture(scope="module")
def used(shared_migrated: Place, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """Ten runs of /test that cost 1 to 10 cents, the last one in another project; three of /ship; a /clear."""
    directory = tmp_path_factory.mktemp("used")
    claude = directory / "claude"
    for number in range(9):
        run(claude, number, "/test", 9 - number)
    run(claude, 9, "/test", 10, project=BLOG)
    for number in range(3):
        run(claude, 10 + number, "/ship", 50, model=HAIKU)
    Session(claude, "s99", START + timedelta(hours=99)).prompt("/clear")
    with shared_migrated.opened() as opened:
        write_prices(opened, 1, "20.0.24", PRICES, is_offline=True)
        Reader(opened, directory / "studio", hashes=False).read(claude)
    with only_read(shared_migrated) as filled:
        yield filled


def predicted(program: Program, place: Place, *arguments: str) -> dict[str, object]:
    done = program("predict", *arguments, "--warehouse", place.url, "--json", CCUSAGE_IMPORT_HASH_PROJECTS="false")
    assert (done.exit_code, done.stderr) == (0, "")
    found: dict[str, object] = json.loads(done.stdout)
    jsonschema.validate(found, SCHEMAS["predict"])
    return found


def test_the_next_run_is_like_the_last_ones(program: Program, used: Place) -> None:
    # Of ten values, the quantile p is at place 11 p: 1.1, 5.5 and 9.9.
    assert predicted(program, used, "/test") == {
        "command": "/test", "predicted_from": "these runs", "runs": 10,
        "low_usd": "0.0110", "cost_usd": "0.0550", "high_usd": "0.0990",
        "seconds_low": 1.1, "seconds_p50": 5.5, "seconds_high": 9.9, "unpriced": False,
        # The tenth run, of 10 cents, was predicted from 1 to 9 cents: 5 in the middle, and the mean.
        "backtest": {"runs": 1, "inside_share": 0.0, "error_usd": "0.0500", "mean_error_usd": "0.0500"},
    }  # fmt: skip


def test_where_there_are_few_runs_others_are_taken(program: Program, used: Place) -> None:
    def told(*arguments: str) -> tuple[object, ...]:
        found = predicted(program, used, *arguments)
        return found["predicted_from"], found["runs"], found["cost_usd"]

    assert told("test", "--project", SHOP) == ("these runs", 9, "0.0500")
    assert told("test", "--project", BLOG) == ("the command", 10, "0.0550")
    assert told("test", "--model", HAIKU) == ("the command", 10, "0.0550")
    assert told("ship") == ("all prompts", 13, "0.0700")


def test_the_test_on_the_past_is_of_the_runs_that_were_taken(program: Program, used: Place) -> None:
    def tested(*arguments: str) -> object:
        return predicted(program, used, *arguments)["backtest"]

    # Nine runs in the shop are too few to test one.
    assert tested("test", "--project", SHOP) is None
    # In the blog there is one, so all ten are taken: the tenth, of 10 cents, was predicted from 1 to 9 cents.
    assert tested("test", "--project", BLOG) == {
        "runs": 1, "inside_share": 0.0, "error_usd": "0.0500", "mean_error_usd": "0.0500",
    }  # fmt: skip
    # Of all prompts, three of 50 cents follow: they were 44.5, 44 and 43.5 cents above the medians, and 44.5, 40.4545
    # and 37.0833 above the means of 55 / 10, 105 / 11 and 155 / 12 cents. The last one was in a range up to 50 cents.
    assert tested("ship") == {
        "runs": 4, "inside_share": 0.25, "error_usd": "0.3425", "mean_error_usd": "0.3176",
    }  # fmt: skip


def test_it_is_said_which_runs_were_tested_or_why_none_was(program: Program, used: Place) -> None:
    def last_lines(*arguments: str) -> list[str]:
        done = program("predict", *arguments, "--warehouse", used.url, CCUSAGE_IMPORT_HASH_PROJECTS="false")
        return done.stdout.splitlines()[4:6]

    assert last_lines("test", "--project", SHOP) == [
        "80% of runs stay within this range, judging by the last 9 runs",
        "not tested: that takes more than 9 earlier runs",
    ]
    assert last_lines("test", "--project", BLOG) == [
        "80% of runs stay within this range, judging by the last 10 runs in all projects and with all models",
        "in a test on 1 earlier run in all projects and with all models, 0.0% did",
    ]
    assert last_lines("ship") == [
        "80% of runs stay within this range, judging by the last 13 prompts of all kinds",
        "in a test on 4 earlier prompts of all kinds, 25.0% did",
    ]


def test_it_is_told_in_a_few_lines(program: Program, used: Place) -> None:
    done = program("predict", "test", "--warehouse", used.url, CCUSAGE_IMPORT_HASH_PROJECTS="false")
    assert done.stdout == (
        "/test       low  expected   high\n"
        "cost      $0.01     $0.06  $0.10\n"
        "duration  1.1 s     5.5 s  9.9 s\n\n"
        "80% of runs stay within this range, judging by the last 10 runs\n"
        "in a test on 1 earlier run, 0.0% did\n"
        "the expected cost was off by $0.05 on average, a plain mean by $0.05\n"
    )


def test_quiet_is_the_answer_without_notes(program: Program, used: Place) -> None:
    done = program("predict", "test", "--quiet", "--warehouse", used.url, CCUSAGE_IMPORT_HASH_PROJECTS="false")
    assert done.stdout.splitlines() == [
        "/test       low  expected   high",
        "cost      $0.01     $0.06  $0.10",
        "duration  1.1 s     5.5 s  9.9 s",
    ]


def test_it_fits_a_narrow_terminal(program: Program, used: Place) -> None:
    done = program("predict", "test", "--warehouse", used.url, CCUSAGE_IMPORT_HASH_PROJECTS="false", COLUMNS="48")
    assert done.stdout.splitlines()[-3:] == [
        "in a test on 1 earlier run, 0.0% did",
        "the expected cost was off by $0.05 on average, a",
        "  plain mean by $0.05",
    ]


def test_an_unknown_command_is_answered_with_the_nearest(program: Program, used: Place) -> None:
    done = program("predict", "tset", "--warehouse", used.url, CCUSAGE_IMPORT_HASH_PROJECTS="false")
    assert (done.exit_code, done.stdout) == (2, "")
    assert "command tset: nothing is stored under this name; nearest: /test\n" in done.stderr


def test_prompts_without_a_command_are_asked_for_by_name(program: Program, used: Place) -> None:
    for nothing in ("", " "):
        done = program("predict", nothing, "--warehouse", used.url)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.splitlines() == [
            "ccusage-import: error: predict: names no command",
            "hint: ccusage-import predict text is about prompts without one",
        ]


def test_without_prompts_there_is_nothing_to_tell(program: Program, migrated: Place) -> None:
    done = program("predict", "text", "--warehouse", migrated.url)
    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "ccusage-import: error: predict: fewer than 9 prompts are stored, too few to tell",
        "hint: ccusage-import import reads them from the transcripts",
    ]


def test_hidden_names_are_taken_in_clear(program: Program, migrated: Place, tmp_path: Path) -> None:
    claude = tmp_path / "claude"
    for number in range(9):
        run(claude, number, "/test", 5)
    done = program("import", "--transcripts-only", "--claude-dir", claude, "--warehouse", migrated.url)
    assert done.exit_code == 0, done.stderr

    done = program("predict", "/test", "--project", SHOP, "--warehouse", migrated.url, "--json")

    assert (done.exit_code, json.loads(done.stdout)["predicted_from"]) == (0, "these runs")
    assert migrated.rows("SELECT DISTINCT length(toString(command)) FROM turns") == [(16,)]


def test_a_command_is_found_in_clear_where_pseudonyms_are_configured(program: Program, used: Place) -> None:
    for name in ("test", "/test"):
        done = program("predict", name, "--warehouse", used.url, "--json")
        assert (done.exit_code, json.loads(done.stdout)["predicted_from"]) == (0, "these runs")


def test_a_run_is_of_the_model_that_cost_most_of_it(program: Program, migrated: Place, tmp_path: Path) -> None:
    claude = tmp_path / "claude"
    for number in range(9):
        session = Session(claude, f"s{number}", START + timedelta(hours=number)).prompt("/mix")
        session.answer(400, model=OPUS).answer(1000, model=HAIKU).answer(300, model=OPUS)
    with migrated.opened() as opened:
        write_prices(opened, 1, "20.0.24", PRICES, is_offline=True)
        Reader(opened, tmp_path / "studio", hashes=False).read(claude)
        assert opened.rows("SELECT DISTINCT model FROM executions") == [(OPUS,)]

    # 1.75 cents for 700 tokens, and half a cent for more tokens than that.
    told = predicted(program, migrated, "/mix", "--model", OPUS)
    assert (told["predicted_from"], told["cost_usd"]) == ("these runs", "0.0225")
    assert predicted(program, migrated, "/mix", "--model", HAIKU)["predicted_from"] == "the command"


@contextmanager
def history(folder: Path, costs: list[float]) -> Iterator[ClickHouse]:
    """A warehouse of one command whose runs cost this."""
    with open_warehouse(parse_warehouse_url(f"chdb://{folder}/warehouse")) as opened:
        apply_migrations(opened)
        rows = ", ".join(f"({number}, {cost:.6f})" for number, cost in enumerate(costs, 1))
        at = "toDateTime64('2026-01-01 00:00:00', 3, 'UTC') + toIntervalHour(n)"
        values = f"values('n UInt64, usd Decimal(18, 6)', {rows})"
        prompts = "INSERT INTO turn_facts (machine, turn, at, kind, command)"
        opened.command(f"{prompts} SELECT 'm', n, {at}, 'command', '/x' FROM {values}")
        columns = "machine, message, is_shown, counts_in, at, turn, model, output_tokens, cost_usd"
        answers = f"INSERT INTO message_facts_by_month ({columns})"
        opened.command(f"{answers} SELECT 'm', n, true, 3, {at}, n, 'a', 1, usd FROM {values}")
        yield opened


@pytest.mark.one_place
@pytest.mark.parametrize(("growth", "fewest", "most"), [(1.0, 0.75, 0.85), (1.001, 0.75, 0.85)])
def test_the_range_holds_what_it_says(tmp_path: Path, growth: float, fewest: float, most: float) -> None:
    """Costs of 600 runs spread as those of prompts do, steady, or growing to nearly twice as much."""
    chance = random.Random(7)
    costs = [chance.lognormvariate(-2, 0.9) * growth**number for number in range(600)]
    with history(tmp_path, costs) as opened:
        ((runs, tested, inside, error, mean_error),) = opened.rows(
            "SELECT runs, tested, cost_inside_share, cost_error_usd, mean_cost_error_usd FROM predictions"
        )
    assert (runs, tested) == (600, 591)
    assert fewest <= inside <= most
    assert error < mean_error


@pytest.mark.one_place
def test_the_range_holds_what_it_says_of_real_prompts(tmp_path: Path, corpus: Callable[[str], Path]) -> None:
    """34 sessions of two projects, six weeks long; their commands were run too rarely to be predicted."""
    prices = [
        price("claude-opus-4-5-20251101", "5", "25", "6.25", "10", "0.5"),
        price("claude-opus-4-6", "5", "25", "6.25", "10", "0.5"),
        price("claude-sonnet-4-5-20250929", "3", "15", "3.75", "6", "0.3"),
        price("claude-haiku-4-5-20251001", "1", "5", "1.25", "2", "0.1"),
    ]
    with open_warehouse(parse_warehouse_url(f"chdb://{tmp_path}/warehouse")) as opened:
        apply_migrations(opened)
        write_prices(opened, 1, "20.0.24", prices, is_offline=True)
        Reader(opened, tmp_path / "studio").read(corpus("real/2026-01"), corpus("real/2026-02"))
        ((tested, costs, seconds, error, mean_error),) = opened.rows(
            "SELECT sum(tested) AS every, sum(tested * cost_inside_share) / every, "
            "sum(tested * seconds_inside_share) / every, sum(tested * cost_error_usd), "
            "sum(tested * mean_cost_error_usd) FROM predictions WHERE tested > 0"
        )
    assert tested == 111
    assert 0.75 <= costs <= 0.85
    assert 0.75 <= seconds <= 0.85
    assert error < mean_error

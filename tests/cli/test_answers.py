"""Answers of queries at a terminal; in a pipe they stay as they are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ccusage_import.ui.answers import boxed, read_answer, readable, upright
from tests.cli.test_terminal import at_a_terminal
from tests.conftest import Program

ZONE = "Europe/Berlin"


def written(name: str, kind: str, *values: str) -> list[str]:
    """Return the values of one column as a terminal shows them."""
    lines = [json.dumps(line, ensure_ascii=False) for line in ([name], [kind], *([value] for value in values))]
    return [row[0] for row in readable(read_answer("\n".join(lines).encode(), {}), ZONE).rows]


def test_money_is_what_is_called_usd_or_is_stored_as_money() -> None:
    assert written("cost_usd", "Decimal(18, 9)", "1685.5", "0", "0.0004", "-3.456") == [
        "$1,685.50", "$0.00", "$0.0004", "-$3.46",
    ]  # fmt: skip
    assert written("avg(cost_usd)", "Float64", "12345.678") == ["$12,345.68"]
    assert written("spent", "Decimal(38, 9)", "2.5") == ["$2.50"]
    assert written("cost_per_hour_usd", "Nullable(Float64)", "ᴺᵁᴸᴸ", "1.5", "nan") == ["-", "$1.50", "nan"]


def test_what_is_not_utf_8_is_shown_all_the_same() -> None:
    assert read_answer(b'["a"]\n["String"]\n["b\xffc"]\n', {}).rows == [["b\ufffdc"]]


def test_a_quota_of_tokens_is_a_count() -> None:
    rows = [["block_tokens", "2000", "ᴺᵁᴸᴸ", "0.5"], ["week_usd", "2000", "ᴺᵁᴸᴸ", "0.5"]]
    lines = [["name", "used", "left", "cost_usd"], ["String", *["Nullable(Decimal(38, 9))"] * 3], *rows]
    answer = read_answer("\n".join(map(json.dumps, lines)).encode(), {})

    assert [list(row) for row in readable(answer, ZONE).rows] == [
        ["block_tokens", "2,000", "-", "$0.50"], ["week_usd", "$2,000.00", "-", "$0.50"],
    ]  # fmt: skip


def test_shares_are_percent() -> None:
    assert written("cost_share", "Nullable(Float64)", "0.6234", "1", "ᴺᵁᴸᴸ") == ["62.3%", "100.0%", "-"]
    assert written("hit_rate", "Float64", "0.0004") == ["0.0%"]


def test_counts_have_separators_and_ids_and_years_have_none() -> None:
    assert written("total_tokens", "UInt64", "4528615", "7") == ["4,528,615", "7"]
    assert written("change", "Nullable(Int64)", "-1234", "ᴺᵁᴸᴸ") == ["-1,234", "-"]
    assert written("tokens_per_minute", "Float64", "12345.5") == ["12,345.5"]
    assert written("load_id", "UInt64", "1795676694622468") == ["1795676694622468"]
    assert written("newest", "UInt64", "1795676694622468") == ["1795676694622468"]
    assert written("sum(total_tokens)", "UInt64", "999999999999999") == ["999,999,999,999,999"]
    assert written("iso_year", "UInt16", "2026") == ["2026"]
    assert written("message", "SimpleAggregateFunction(max, UInt64)", "9223372036854775807", "5000") == [
        "9223372036854775807", "5000",
    ]  # fmt: skip
    assert written("project", "LowCardinality(String)", "2026") == ["2026"]


def test_times_are_those_of_the_zone_where_theirs_is_known() -> None:
    assert written("started_at", "Nullable(DateTime64(3, 'UTC'))", "2026-07-01 22:30:01.500", "ᴺᵁᴸᴸ") == [
        "2026-07-02 00:30:01", "-",
    ]  # fmt: skip
    assert written("at", "DateTime('UTC')", "2026-01-01 12:00:00") == ["2026-01-01 13:00:00"]
    assert written("at", "DateTime", "2026-01-01 12:00:00") == ["2026-01-01 12:00:00"]


def test_a_table_that_is_too_wide_stands_upright_and_nothing_of_it_is_cut() -> None:
    lines = [["day", "cost_usd", "words"], ["Date", "Float64", "String"], ["2026-10-01", "2", "a" * 30 + "\n木木"]]
    answer = read_answer("\n".join(map(json.dumps, lines)).encode(), {})

    assert boxed(answer, 57) is None
    assert max(map(len, boxed(answer, 58) or ())) == 58
    assert list(upright(answer, 32)) == [
        "row 1",
        "day       2026-10-01",
        "cost_usd  2",
        "words     aaaaaaaaaaaaaaaaaaaaaa",
        "          aaaaaaaa",
        "          木木",
        "",
    ]
    assert list(upright(answer, 12))[1:4] == ["day     2026", "        -10-", "        01"]
    assert list(upright(answer, 12))[4:6] == ["cost_u  2", "sd"]


@pytest.mark.usefixtures("own_warehouse")
def test_a_terminal_shows_numbers_as_people_write_them_and_a_pipe_as_they_are(
    program: Program, corpus: Callable[[str], Path]
) -> None:
    assert program("import", "--claude-dir", corpus("june")).exit_code == 0
    sql = "SELECT month, cost_usd, NULL AS nothing FROM monthly_from_daily"

    _, shown = at_a_terminal(program, "query", sql, columns=80)
    _, named = at_a_terminal(program, "query", "top_models", "--param", "since=2025-06-01", columns=120)
    quiet = at_a_terminal(program, "query", sql, "--quiet", columns=80)[1]
    piped = program("query", sql, COLUMNS="80")

    assert shown.split("\r\n")[:3] == [
        "┌─month──────┬─cost_usd─┬─nothing─┐",
        "│ 2025-06-01 │    $2.36 │ -       │",
        "└────────────┴──────────┴─────────┘",
    ]
    assert re.fullmatch(r"1 row in \d+\.\d\d s\r\n", shown.partition("┘\r\n")[2])
    assert re.fullmatch(
        r"1 row in \d+\.\d\d s; by default top 10; change with --param NAME=VALUE\r\n", named.partition("┘\r\n")[2]
    )
    assert quiet.endswith("┘\r\n")
    assert piped.stdout == (
        "┌─month──────┬──cost_usd─┬─nothing─┐\n"
        "│ 2025-06-01 │ 2.3561295 │ ᴺᵁᴸᴸ    │\n"
        "└────────────┴───────────┴─────────┘\n"
    )


@pytest.mark.usefixtures("own_warehouse")
def test_the_period_that_was_applied_is_said(program: Program, corpus: Callable[[str], Path]) -> None:
    assert program("import", "--claude-dir", corpus("june")).exit_code == 0

    _, shown = at_a_terminal(program, "query", "cost_by_day", columns=120)

    assert re.search(
        r"0 rows in \d+\.\d\d s; by default since \d{4}-\d\d-\d\d \(30 days ago\); change with --param", shown
    )


def query_stdin(program: Program, sql: bytes, **environ: str) -> tuple[int, str, str]:
    """Query what is on stdin; return exit code, stdout and stderr."""
    done = subprocess.run(
        [sys.executable, "-m", "ccusage_import", "query", "-", "--format", "csv"],
        env={**program.environ, **environ},
        cwd=program.home,
        input=sql,
        capture_output=True,
        timeout=120,
        check=False,
    )
    return done.returncode, done.stdout.decode(), done.stderr.decode()


def test_sql_comes_from_a_file_or_from_stdin(program: Program, tmp_path: Path) -> None:
    assert program("migrate").exit_code == 0
    file = tmp_path / "days.sql"
    file.write_text("-- two\nSELECT toDate({day:Date}) - {day:Date} AS n\nUNION ALL SELECT 1;\n", "utf-8")

    of_file = program("query", "--file", file, "--param", "day=yesterday", "--format", "csv")

    assert sorted(of_file.stdout.splitlines()) == ['"n"', "0", "1"]
    assert query_stdin(program, b"SELECT 1 AS n;\n") == (0, '"n"\n1\n', "")


def test_a_stdin_that_is_not_utf_8_is_refused(program: Program) -> None:
    assert query_stdin(program, b"SELECT '\xfc'", PYTHONIOENCODING="utf-8:strict") == (
        2,
        "",
        "ccusage-import: error: query -: is not UTF-8\nhint: give SQL in UTF-8\n",
    )


def test_a_file_that_cannot_be_read_or_is_one_too_many_is_refused(program: Program, tmp_path: Path) -> None:
    absent, empty = tmp_path / "absent.sql", tmp_path / "empty.sql"
    empty.write_text(" \n")

    assert program("query", "--file", absent).stderr.splitlines() == [
        f"ccusage-import: error: --file {absent}: No such file or directory", "hint: name a file of SQL in UTF-8",
    ]  # fmt: skip
    assert program("query", "SELECT 1", "--file", empty).stderr.splitlines()[1] == "hint: give one of them"
    assert program("query", "--file", empty).stderr.splitlines()[1] == "hint: ccusage-import query --list"

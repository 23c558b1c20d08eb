"""Exported tables: views and named queries as Parquet, CSV and JSON lines, read back by other readers."""

from __future__ import annotations

import csv
import io
import json
import resource
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import QueryError, WarehouseUnreachableError
from ccusage_import.querying.exporting import FileFormat, export_query, pieces
from ccusage_import.querying.queries import NamedQuery
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.migrations import sql_directory
from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.disks import mounted, needs_mounts
from tests.support.gateway.running import Gateway
from tests.support.warm import let_go

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

VIEWS = sorted(file.stem for file in (sql_directory() / "views").glob("*.sql"))
SHARED = ("forecast_methods", "plan_value", "savings")
PSEUDONYM_DIGITS = 32


@pytest.fixture
def history(program: Program, migrated: Place, tmp_path: Path) -> Place:
    """Two days of one project: 1,500 tokens at 15 $ a million."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a1", days_ago(2), 1000)
    claude.say("b1", days_ago(1), 500)
    done = program(
        "import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--timezone", "UTC", "--machine", "laptop"
    )
    assert done.exit_code == 0, done.stderr
    return migrated


def asked(sql: str) -> NamedQuery:
    """Return a query of the library that says so."""
    return NamedQuery("asked", "", "", (), (), sql)


def contents(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_parquet_holds_what_the_view_shows(program: Program, history: Place, tmp_path: Path) -> None:
    file = tmp_path / "out" / "daily.parquet"

    done = program("export", "daily", "-o", file, "--warehouse", history.url)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == f"{file} ({file.stat().st_size / 1000:.1f} kB)\n"
    assert (file.stat().st_mode & 0o777, file.parent.stat().st_mode & 0o777) == (0o600, 0o700)
    read = Place(f"chdb://{tmp_path}/reader").rows(
        "SELECT machine, date, output_tokens, cost_usd, toTypeName(cost_usd)"
        f" FROM file('{file}', 'Parquet') ORDER BY date"
    )
    assert [(row[0], row[2], str(row[3])) for row in read] == [
        ("laptop", 1000, "0.015000000"),
        ("laptop", 500, "0.007500000"),
    ]
    assert [str(row[1]) for row in read] == [f"{days_ago(2):%Y-%m-%d}", f"{days_ago(1):%Y-%m-%d}"]
    assert "Decimal" in str(read[0][4])


def test_csv_is_what_query_prints(program: Program, history: Place, tmp_path: Path) -> None:
    file = tmp_path / "sessions.csv"

    assert program("export", "sessions", "-o", file, "--warehouse", history.url).exit_code == 0
    printed = program("export", "sessions", "-o", "-", "--warehouse", history.url)

    assert file.read_text("utf-8") == printed.stdout
    assert printed.stdout == program("query", "sessions", "--format", "csv", "--warehouse", history.url).stdout
    rows = list(csv.DictReader(io.StringIO(printed.stdout)))
    assert sorted(int(row["total_tokens"]) for row in rows) == [500, 1000]
    assert {len(row["session_id"]) for row in rows} == {PSEUDONYM_DIGITS}


def test_json_lines_hold_money_as_text_and_times_with_their_zone(
    program: Program, history: Place, tmp_path: Path
) -> None:
    file = tmp_path / "messages.jsonl"

    assert program("export", "messages", "-o", file, "--warehouse", history.url).exit_code == 0

    rows = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert sorted(row["output_tokens"] for row in rows) == [500, 1000]
    assert sorted(row["cost_usd"] for row in rows) == ["0.0075", "0.015"]
    assert sorted(row["at"] for row in rows) == [f"{days_ago(days):%Y-%m-%dT12:00:00}.000Z" for days in (2, 1)]


def test_a_spreadsheet_shows_projects_in_clear(program: Program, migrated: Place, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a1", days_ago(2), 1000)
    imported = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--no-hash-projects", "--quiet")
    assert program(*imported).exit_code == 0
    export = ("export", "project_summary", "--warehouse", migrated.url, "--csv-safe", "-o")
    file = tmp_path / "projects.csv"

    assert program(*export, file).exit_code == 0
    printed = program(*export, "-")

    (row,) = csv.DictReader(io.StringIO(file.read_text("utf-8")))
    assert row["project"] == "'-home-ana-shop"
    assert row["total_tokens"] == "1000"
    assert printed.stdout == file.read_text("utf-8")


def test_a_directory_gets_a_file_for_every_view(program: Program, history: Place, tmp_path: Path) -> None:
    done = program("export", "-o", tmp_path / "all", "--json", "--warehouse", history.url)

    assert (done.exit_code, done.stderr) == (0, "")
    assert contents(tmp_path / "all") == [f"{view}.parquet" for view in VIEWS]
    files = json.loads(done.stdout)["files"]
    assert [file["name"] for file in files] == VIEWS
    assert [Path(file["file"]).stat().st_size for file in files] == [file["bytes"] for file in files]


def test_without_a_name_views_are_written_that_share_theirs_with_a_query(
    program: Program, history: Place, tmp_path: Path
) -> None:
    assert program("export", "-o", tmp_path, "--format", "csv", "--warehouse", history.url).exit_code == 0

    columns = {name: (tmp_path / f"{name}.csv").read_text("utf-8").splitlines()[0].split(",")[:3] for name in SHARED}
    assert columns == {
        "forecast_methods": ['"machine"', '"agent"', '"month"'],
        "plan_value": ['"account"', '"month"', '"machines"'],
        "savings": ['"machine"', '"agent"', '"kind"'],
    }


def test_named_queries_take_their_parameters(program: Program, history: Place, tmp_path: Path) -> None:
    file = tmp_path / "days.csv"

    done = program(
        "export", "cost_by_day", "--param", "since=yesterday", "-o", file, "--quiet", "--warehouse", history.url
    )

    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "")
    rows = list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))
    assert [(row["date"], row["cost_usd"]) for row in rows] == [(f"{days_ago(1):%Y-%m-%d}", "0.0075")]


@pytest.mark.one_place
def test_a_file_that_is_there_is_replaced_by_force_alone(program: Program, migrated: Place, tmp_path: Path) -> None:
    file = tmp_path / "daily.csv"
    file.write_text("mine")

    refused = program("export", "daily", "-o", file, "--warehouse", migrated.url)

    assert (refused.exit_code, file.read_text()) == (2, "mine")
    assert refused.stderr == f"ccusage-import: error: export: {file} exists\nhint: --force replaces it\n"
    assert program("export", "daily", "-o", file, "--force", "--warehouse", migrated.url).exit_code == 0
    assert file.read_text().startswith('"machine","agent","date"')


@pytest.mark.one_place
def test_a_directory_may_have_any_name(program: Program, migrated: Place) -> None:
    for output in ("of.2026/", "of.2026"):
        done = program("export", "daily", "-o", output, "--force", "--warehouse", migrated.url)
        assert (done.exit_code, done.stderr) == (0, "")
    assert contents(program.home / "of.2026") == ["daily.parquet"]


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        (
            ("out",),
            "export out: is neither a view nor a named query",
            "ccusage-import query --list; the reports that keep_raw kept: ccusage-import raw export DIR",
        ),
        (("out", "--load", "7"), "export: --load belongs to raw export now", "ccusage-import raw export DIR --load 7"),
        (
            ("dayly", "-o", "-"),
            "export dayly: is neither a view nor a named query; nearest: daily",
            "ccusage-import query --list; the reports that keep_raw kept: ccusage-import raw export DIR",
        ),
        (
            ("daily",),
            "export: --output is missing",
            "-o DIR, -o FILE.parquet, or -o -; the reports that keep_raw kept: ccusage-import raw export DIR",
        ),
        (("-o", "-"), "export: stdout takes one view", "export daily -o -, or -o DIR for several"),
        (("-o", "a.csv"), "export: a.csv is a file, and holds one view", "-o DIR for several"),
        (
            ("daily", "-o", "a.csv", "--format", "parquet"),
            "export: a.csv is not parquet",
            "leave out --format, or -o NAME.parquet",
        ),
        (
            ("daily", "-o", "out/a.txt"),
            "export: out/a.txt ends in none of .parquet, .csv, .jsonl",
            "-o out/a.txt/ makes a directory of that name",
        ),
        (("daily", "-o", "a.parquet", "--csv-safe"), "--csv-safe: parquet does not need it", "--format csv"),
        (
            ("--param", "since=7d", "-o", "out"),
            "export: --param belongs to one query",
            "export NAME --param NAME=VALUE",
        ),
    ],
)
def test_what_cannot_be_exported_is_said_before_anything_is_written(
    program: Program, arguments: tuple[str, ...], error: str, hint: str
) -> None:
    done = program("export", *arguments)

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == f"ccusage-import: error: {error}\nhint: {hint}\n"
    assert not (program.home / "out").exists()


@needs_mounts
@pytest.mark.one_place
def test_a_directory_that_cannot_be_written_is_an_error(program: Program, migrated: Place, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir()
    with mounted(closed):
        subprocess.run(["mount", "-o", "remount,ro", closed], check=True)
        done = program("export", "daily", "-o", closed / "daily.csv", "--warehouse", migrated.url)

    assert done.exit_code == 2
    assert done.stderr == (
        f"ccusage-import: error: export: {closed}/daily.csv: Read-only file system; it was not written\n"
        "hint: name a place that can be written and has room\n"
    )


@pytest.mark.one_place
def test_a_place_that_is_no_directory_is_an_error(program: Program, migrated: Place, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")

    done = program("export", "daily", "-o", tmp_path / "file" / "daily.csv", "--warehouse", migrated.url)

    assert done.exit_code == 2
    assert done.stderr == (
        f"ccusage-import: error: export: {tmp_path}/file/daily.csv: File exists; it was not written\n"
        "hint: name a place that can be written and has room\n"
    )


@needs_mounts
@pytest.mark.one_place
def test_a_full_disk_leaves_whole_files_only(migrated: Place, tmp_path: Path) -> None:
    disk = tmp_path / "disk"
    disk.mkdir()
    query = asked("SELECT number, repeat('x', 100) FROM numbers(20000)")

    with mounted(disk, "1m"), migrated.opened() as opened:
        (disk / "kept.csv").write_text("mine")
        for file in (disk / "new.csv", disk / "kept.csv"):
            with pytest.raises(OSError, match="No space left on device"):
                export_query(opened, query, {}, "csv", file)
        assert contents(disk) == ["kept.csv"]
        assert (disk / "kept.csv").read_text() == "mine"
        assert opened.rows("SELECT 1") == [(1,)]


@pytest.mark.parametrize("file_format", ["csv", "jsonl", "parquet"])
def test_a_query_that_fails_on_the_way_leaves_no_file(migrated: Place, tmp_path: Path, file_format: FileFormat) -> None:
    query = asked("SELECT number, throwIf(number = 900000) FROM numbers(1000000)")

    with migrated.opened() as opened, pytest.raises(QueryError, match="throwIf"):
        export_query(opened, query, {}, file_format, tmp_path / "out" / "asked")

    assert contents(tmp_path / "out") == []


@pytest.mark.parametrize("kind", ["truncate", "cut_off"])
def test_an_answer_that_is_cut_off_leaves_no_file(gateway: Gateway, tmp_path: Path, kind: str) -> None:
    with open_warehouse(parse_warehouse_url(gateway.url(database="default"))) as opened:
        gateway.fail(kind, match="numbers")
        with pytest.raises(WarehouseUnreachableError):
            export_query(opened, asked("SELECT number FROM numbers(1000000)"), {}, "csv", tmp_path / "out" / "a.csv")

    assert contents(tmp_path / "out") == []


@pytest.mark.one_place
def test_a_reader_that_has_seen_enough_ends_the_query(migrated: Place) -> None:
    query = asked("SELECT number FROM numbers(100000000)")

    with migrated.opened() as opened:
        with closing(pieces(opened, query, {}, "csv")) as read:
            assert next(read).startswith(b'"number"\n0\n1\n')
        assert opened.rows("SELECT 1") == [(1,)]


def _grown(url: str, file_format: FileFormat, file: Path) -> None:
    """Export 600 MB and print by how many the process grew."""
    with open_warehouse(parse_warehouse_url(url)) as opened:
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        query = asked("SELECT number, hex(randomString(300)) AS text FROM numbers(1000000)")
        assert export_query(opened, query, {}, file_format, file) > 300_000_000
        after = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print((after - before) // (1024 if sys.platform == "linux" else 1024 * 1024))


@pytest.mark.exhaustive
@pytest.mark.one_place
@pytest.mark.parametrize("file_format", ["csv", "parquet"])
def test_rows_are_not_gathered_in_memory(
    file_format: FileFormat, tmp_path: Path, embedded: Callable[[str], Place]
) -> None:
    place = embedded("warehouse")
    code = (
        "import sys, pathlib; from tests.cli.test_export import _grown;"
        f"_grown({place.url!r}, {file_format!r}, pathlib.Path(sys.argv[1]))"
    )

    let_go()
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "out")], capture_output=True, text=True, timeout=120, check=True
    )

    assert int(done.stdout) < 350

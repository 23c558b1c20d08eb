"""Old facts become totals by hour: no sum changes, nothing counts twice, and whatever ends it is healed."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import FoldError, WarehouseUnreachableError
from ccusage_import.history.compact import Compacted, compact, first_kept_day
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.facts.rewriting import bring_back_facts
from ccusage_import.warehouse.machines import write_claim
from ccusage_import.warehouse.migrations import FACT_TABLES
from ccusage_import.warehouse.tables import next_load_id
from tests.conftest import CORPORA, Place, Program, program_in
from tests.faults.harness import Installation
from tests.faults.kills import Stepped
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.dead_loads import kill_before_its_end
from tests.support.exhaustive import some_of
from tests.support.facts import Reader, become
from tests.support.gateway.running import Gateway
from tests.support.prompts import Session
from tests.support.warm import engine_stays

pytestmark = pytest.mark.exhaustive_at("http")

SUMS = ("hourly", "ledger_daily", "ledger_sessions")
WITH_BLOCKS = (*SUMS, "block_hours")
DETAIL = ("messages", "tool_calls", "turns", "events")
MARCH_3, JULY = date(2026, 3, 3), date(2025, 7, 1)
# Of the last trees of tests/corpora/facts, counted by hand; one message is of March 3rd. Of June there are 90 messages.
OF_FACTS = {"messages": 123, "tool_calls": 36, "turns": 51, "events": 16}


@pytest.fixture
def opened(migrated: Place) -> Iterator[ClickHouse]:
    """An open warehouse with all tables."""
    with open_warehouse(parse_warehouse_url(migrated.url), cluster=migrated.cluster) as warehouse:
        yield warehouse


@pytest.fixture
def claude(tmp_path: Path) -> Path:
    """Hand-made transcripts of all kinds, of March, and sessions of a June."""
    root = tmp_path / "claude"
    for group in sorted((CORPORA / "facts").iterdir()):
        if group.is_dir():
            become(root / "projects" / group.name, max(group.iterdir()) / "projects")
    shutil.copytree(CORPORA / "june" / "projects", root / "projects" / "june")
    return root


@pytest.fixture
def reader(opened: ClickHouse, tmp_path: Path, claude: Path) -> Reader:
    """An installation that read them."""
    reader = Reader(opened, tmp_path)
    reader.read(claude)
    return reader


def shown(warehouse: ClickHouse | Place, views: tuple[str, ...] = SUMS) -> dict[str, list[tuple[object, ...]]]:
    return answers(warehouse, {view: f"SELECT * FROM {view} ORDER BY ALL" for view in views})


def counts(warehouse: ClickHouse | Place, tables: tuple[str, ...]) -> dict[str, object]:
    counted = answers(warehouse, {table: f"SELECT count() FROM {table}" for table in tables})
    return {table: count for table, [(count,)] in counted.items()}


def answers(warehouse: ClickHouse | Place, queries: dict[str, str]) -> dict[str, list[tuple[object, ...]]]:
    if isinstance(warehouse, Place):
        return warehouse.answers(queries)
    return {name: [tuple(row) for row in warehouse.rows(sql)] for name, sql in queries.items()}


def folded(reader: Reader, before: date, *, is_dry_run: bool = False) -> Compacted:
    return compact(reader.warehouse, reader.machine, reader.timezone, before, is_dry_run=is_dry_run)


def test_hours_days_and_sessions_show_the_same_after_a_fold(reader: Reader) -> None:
    warehouse = reader.warehouse
    before, detail = shown(warehouse), counts(warehouse, DETAIL)
    assert all(before.values())

    of_june = folded(reader, JULY)
    assert (of_june.facts, of_june.rows) == ({"messages": 90}, 90)
    assert shown(warehouse) == before
    done = folded(reader, MARCH_3)

    # Five rows are copies of messages.
    assert (done.facts, done.rows) == (OF_FACTS, 231)
    assert shown(warehouse) == before
    assert detail == {"messages": 214, "tool_calls": 36, "turns": 51, "events": 16}
    assert counts(warehouse, DETAIL) == {"messages": 1, "tool_calls": 0, "turns": 0, "events": 0}
    # Nothing is left of them: a row for each fold, and the copy of the message that stays.
    assert counts(warehouse, FACT_TABLES[:4]) == {
        "message_facts_by_month": 3, "tool_call_facts_by_month": 0, "turn_facts": 0, "event_facts": 0,
    }  # fmt: skip
    sums = "sum(messages), sum(tool_calls), sum(failed_tool_calls), sum(turns), sum(events)"
    assert warehouse.rows(f"SELECT {sums} FROM hour_facts") == [(213, 36, 9, 51, 16)]
    of_subagents = "sum(messages), sum(tool_calls), sum(turns), sum(events)"
    assert warehouse.rows(f"SELECT {of_subagents} FROM hour_facts WHERE is_subagent") == [(12, 4, 0, 0)]
    assert warehouse.rows("SELECT runner, state, facts FROM loads FINAL ORDER BY load_id DESC LIMIT 2") == [
        ("compact", "committed", {f"folded/{kind}": count for kind, count in OF_FACTS.items()}),
        ("compact", "committed", {"folded/messages": 90}),
    ]
    assert folded(reader, MARCH_3).facts == {}


def test_what_was_folded_does_not_count_again_whatever_is_read(reader: Reader, claude: Path) -> None:
    before = shown(reader.warehouse)
    folded(reader, MARCH_3)
    reader.cursor.unlink()
    again = reader.read(claude)
    assert (again.new["messages"], again.new["tool_calls"], again.new["turns"], again.new["events"]) == (0, 0, 0, 0)
    # Ids: two messages of March have copies that count apart.
    assert again.new["folded"] == 90 + 122 + 36 + 51 + 16
    assert shown(reader.warehouse) == before

    # A copy of a session under another name is a copy, also after its messages were folded.
    shutil.copytree(claude / "projects" / "june", claude / "projects" / "copied" / "june")
    copied = reader.read(claude)

    assert (copied.new["messages"], copied.new["folded"]) == (0, 90)
    assert shown(reader.warehouse) == before


def test_a_message_of_folded_days_that_was_never_read_counts(reader: Reader, tmp_path: Path) -> None:
    before = reader.pairs("SELECT toString(date), total_tokens FROM ledger_daily WHERE machine = {machine:String}")
    folded(reader, MARCH_3)
    found = ClaudeDir(tmp_path / "found")
    found.say("a", days_ago(0).replace(year=2026, month=3, day=2), 1_000)

    assert reader.read(tmp_path / "claude", found.root).new["messages"] == 1

    after = reader.pairs("SELECT toString(date), total_tokens FROM ledger_daily WHERE machine = {machine:String}")
    assert after == {**before, "2026-03-02": before["2026-03-02"] + 1_000}
    assert folded(reader, MARCH_3).facts == {"messages": 1}
    assert after == reader.pairs(
        "SELECT toString(date), total_tokens FROM ledger_daily WHERE machine = {machine:String}"
    )


def test_only_this_machine_is_folded(reader: Reader, tmp_path: Path, claude: Path) -> None:
    other = Reader(reader.warehouse, tmp_path / "other", machine="tower")
    other.read(claude)
    before, mine = shown(reader.warehouse), "SELECT count() FROM messages WHERE machine = {machine:String}"

    folded(reader, MARCH_3)

    assert (reader.one(mine), other.one(mine)) == (1, 214)
    assert shown(reader.warehouse) == before
    other.cursor.unlink()
    assert other.read(claude).new["folded"] == 0


@pytest.mark.one_place
def test_a_turn_keeps_its_place_in_a_session_whose_beginning_was_folded(opened: ClickHouse, tmp_path: Path) -> None:
    file = tmp_path / "claude" / "projects" / "-home-ana" / "a.jsonl"
    file.parent.mkdir(parents=True)
    prompts = [
        ("p1", "2026-02-01T10:00:00.000Z"),
        ("p2", "2026-02-02T10:00:00.000Z"),
        ("p3", "2026-03-05T10:00:00.000Z"),
    ]
    file.write_text(
        "".join(
            json.dumps(
                {
                    "type": "user", "uuid": name, "promptId": name, "sessionId": "a", "timestamp": at,
                    "version": "2.0.14", "message": {"role": "user", "content": "go on"},
                }
            ) + "\n"
            for name, at in prompts
        )
    )  # fmt: skip
    reader = Reader(opened, tmp_path)
    reader.read(tmp_path / "claude")
    positions = "SELECT toString(toDate(at)), position FROM turns WHERE machine = {machine:String}"
    assert reader.pairs(positions) == {"2026-02-01": 1, "2026-02-02": 2, "2026-03-05": 3}

    assert folded(reader, MARCH_3).facts == {"turns": 2}

    assert reader.pairs(positions) == {"2026-03-05": 3}


def test_totals_that_differ_from_their_facts_are_refused_and_nothing_is_dropped(reader: Reader) -> None:
    warehouse = reader.warehouse
    before, detail = shown(warehouse, (*SUMS, *DETAIL)), counts(warehouse, FACT_TABLES)
    # What an engine would do that adds wrongly: a token too many in the first hour of the fold.
    warehouse.command(
        "CREATE MATERIALIZED VIEW wrong TO hour_facts AS SELECT machine, fold, toDate('2026-03-02') AS date,"
        " toDateTime('2026-03-02 00:00:00', 'UTC') AS hour, 'claude-x' AS model, 3 AS counts_in, 1 AS output_tokens"
        " FROM folded_ids WHERE kind = 'messages' LIMIT 1"
    )

    with pytest.raises(FoldError) as refused:
        folded(reader, MARCH_3)

    warehouse.command("DROP VIEW wrong")
    said = re.fullmatch(
        r"compact: output_tokens of 2026-03-02 differ: (\d+) in the facts, (\d+) in their totals; nothing is dropped",
        str(refused.value),
    )
    assert said
    assert int(said[2]) - int(said[1]) == 1
    assert shown(warehouse, (*SUMS, *DETAIL)) == before
    assert counts(warehouse, FACT_TABLES) == detail
    assert warehouse.rows("SELECT state, error != '' FROM loads FINAL ORDER BY load_id DESC LIMIT 1") == [
        ("failed", True)
    ]
    assert folded(reader, MARCH_3).facts == {**OF_FACTS, "messages": 213}
    assert shown(warehouse) == {view: before[view] for view in SUMS}


@pytest.fixture
def imported(program: Program, migrated: Place, tmp_path: Path) -> Place:
    """A warehouse into which the program itself imported the sessions of a June."""
    become(tmp_path / "claude", CORPORA / "june")
    done = program("import", "--warehouse", migrated.url, "--claude-dir", tmp_path / "claude", "--machine", "laptop")
    assert done.exit_code == 0, done.stderr
    return migrated


def test_a_dry_run_counts_what_a_killed_import_published(program: Program, imported: Place) -> None:
    kill_before_its_end(program, imported)

    would = program("compact", "--older-than", "2025-06-10", "--warehouse", imported.url, "--dry-run")

    assert (would.exit_code, would.stderr) == (0, "")
    assert would.stdout.startswith("86 messages before 2025-06-10 would be folded: 86 rows")


def test_a_fold_and_facts_that_are_read_again_are_nothing_that_was_not_understood(
    program: Program, imported: Place, tmp_path: Path
) -> None:
    def said_of_the_last_load() -> tuple[str, bool]:
        found = json.loads(program("check", "--json", *command, MACHINE_NAME="laptop").stdout)["checks"]
        (line,) = [check for check in found if check["name"] == "facts"]
        load = imported.rows("SELECT max(load_id) FROM loads WHERE runner != 'compact'")[0][0]
        return line["health"], line["found"] == f"load {load} understood everything it read in the transcripts"

    command = ("--warehouse", imported.url, "--claude-dir", tmp_path / "claude")
    program("compact", "--older-than", "2025-06-10", "--warehouse", imported.url, MACHINE_NAME="laptop")
    assert said_of_the_last_load() == ("ok", True)
    # Nor does a fold make anybody read all transcripts again.
    assert "folded facts read again" not in program("import", "--force", *command, MACHINE_NAME="laptop").stdout

    for cursor in program.home.rglob("transcripts.sqlite"):
        cursor.unlink()
    program("import", "--force", *command, MACHINE_NAME="laptop")

    assert imported.rows("SELECT facts FROM loads FINAL ORDER BY load_id DESC LIMIT 1") == [({"folded": 86},)]
    assert said_of_the_last_load() == ("ok", True)


def test_compact_says_what_it_folds_and_a_dry_run_what_it_would(
    program: Program, imported: Place, tmp_path: Path
) -> None:
    before, tables = shown(imported, WITH_BLOCKS), counts(imported, (*FACT_TABLES, "loads", "folded_ids"))
    command = ("compact", "--older-than", "2025-06-10", "--warehouse", imported.url)

    would = program(*command, "--dry-run")
    assert (would.exit_code, would.stderr) == (0, "")
    dry = json.loads(program(*command, "--dry-run", "--json").stdout)
    size = dry.pop("bytes")
    assert 1_000 < size < 100_000
    assert would.stdout == f"86 messages before 2025-06-10 would be folded: 86 rows, about {size:,} bytes\n"
    assert dry == {
        "before": "2025-06-10", "facts": {"messages": 86}, "rows": 86, "load_id": None, "is_dry_run": True,
    }  # fmt: skip
    assert counts(imported, (*FACT_TABLES, "loads", "folded_ids")) == tables

    done = program(*command)

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout == would.stdout.replace("would be", "are")
    assert shown(imported, WITH_BLOCKS) == before
    assert counts(imported, ("messages", "hour_facts")) == {"messages": 4, "hour_facts": 2}
    assert program(*command).stdout == "no facts are older than 2025-06-10\n"
    history = program("history", "--warehouse", imported.url).stdout
    assert "86 facts folded" in history.splitlines()[1]
    for cursor in program.home.rglob("transcripts.sqlite"):
        cursor.unlink()
    again = program("import", "--warehouse", imported.url, "--claude-dir", tmp_path / "claude", "--machine", "laptop")
    line = "transcripts: 0 new messages, 0 tool calls; the messages of 2 of 2 days add up to ccusage's numbers"
    assert f"{line}; 86 folded facts read again, counted already" in again.stdout.splitlines()
    assert shown(imported, WITH_BLOCKS) == before


@pytest.mark.one_place
def test_a_fold_cannot_be_undone_but_the_load_that_brought_the_facts_can(program: Program, imported: Place) -> None:
    before = shown(imported)
    load = str(imported.rows("SELECT max(load_id) FROM loads")[0][0])
    program("compact", "--older-than", "2025-06-10", "--warehouse", imported.url)
    fold = str(imported.rows("SELECT max(load_id) FROM loads")[0][0])

    refused = program("undo", fold, "--warehouse", imported.url)
    assert refused.exit_code == 2
    assert refused.stderr == (
        f"ccusage-import: error: load {fold} folded facts: what it dropped is gone\n"
        "hint: an earlier backup has it: ccusage-import restore BACKUP --warehouse chdb:///new/directory\n"
    )
    done = program("undo", load, "--warehouse", imported.url)
    assert done.exit_code == 0, done.stderr
    assert shown(imported) == {view: [] for view in SUMS}
    undo = str(imported.rows("SELECT max(load_id) FROM loads")[0][0])
    assert program("undo", undo, "--warehouse", imported.url).exit_code == 0
    assert shown(imported) == before


@pytest.mark.one_place
@pytest.mark.usefixtures("engine_stays")
def test_what_was_taken_back_is_not_folded_and_can_come_back(program: Program, migrated: Place, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "of days")
    where = ("--warehouse", migrated.url)
    for name, tokens in (("a", 1_000), ("b", 20)):
        session = Session(claude.root, name, days_ago(90))
        session.prompt().answer(tokens, calls={f"{name} Read": {}}).after(1).result(name).compaction(9)
        ran(program, "import", "--claude-dir", claude.root, *where)
    undone = json.loads(ran(program, "undo", "last", "--json", *where))["load_id"]
    of_facts = ", ".join(
        f"(SELECT count() FROM {kind}) + (SELECT sum({kind}) FROM folded_hours)"
        for kind in ("tool_calls", "turns", "events")
    )
    sums = f"SELECT (SELECT sum(total_tokens) FROM daily), (SELECT sum(total_tokens) FROM hourly), {of_facts}"
    assert migrated.rows(sums) == [(1_000, 1_000, 1, 1, 1)]

    ran(program, "compact", "--older-than", "60d", *where)

    assert migrated.rows(sums) == [(1_000, 1_000, 1, 1, 1)]
    ran(program, "undo", str(undone), *where)
    assert migrated.rows(sums) == [(1_020, 1_020, 2, 2, 2)]


@pytest.mark.one_place
@pytest.mark.parametrize(
    ("age", "reason"),
    some_of(
        [
            ("7d", "messages of the last 30 days can still grow"),
            ("13 months", "is not an age"),
            ("0d", "is not an age"),
            ("9999y", "is not an age"),
            ("2025-02-30", "is not an age"),
        ],
        0,
        4,
    ),
)
def test_an_age_that_is_none_is_refused(program: Program, imported: Place, age: str, reason: str) -> None:
    done = program("compact", "--older-than", age, "--warehouse", imported.url)

    assert done.exit_code == 2
    assert done.stderr == (
        f"ccusage-import: error: --older-than {age}: {reason}\n"
        "hint: an age such as 90d, 13mo or 2y, or a day such as 2025-01-01\n"
    )


@pytest.mark.parametrize(
    ("age", "day"),
    [
        ("90d", date(2026, 1, 1)),
        ("13mo", date(2025, 2, 28)),
        ("1mo", date(2026, 2, 28)),
        ("2y", date(2024, 3, 31)),
        ("25mo", date(2024, 2, 29)),
        ("2024-12-31", date(2024, 12, 31)),
    ],
)
def test_ages_are_counted_from_today(age: str, day: date) -> None:
    assert first_kept_day(age, date(2026, 4, 1) if age == "90d" else date(2026, 3, 31)) == day


@pytest.mark.one_place
def test_without_any_import_there_is_nothing_to_fold(program: Program, place: Place) -> None:
    done = program("compact", "--older-than", "2y", "--warehouse", place.url)

    assert done.exit_code == 2
    assert done.stderr == (
        f"ccusage-import: error: compact: there is no warehouse {place.url}\nhint: ccusage-import import\n"
    )


FOLDED = ("message_facts_by_month", "tool_call_facts_by_month", "turn_facts", "event_facts", "hour_facts", "folded_ids")
# What a whole fold leaves of `few`: 7 hours of sessions; ids of 97 messages, 3 calls, 3 turns, 2 events.
WHOLE = {
    "message_facts_by_month": 1,
    "tool_call_facts_by_month": 0,
    "turn_facts": 0,
    "event_facts": 0,
    "hour_facts": 7,
    "folded_ids": 105,
}


@pytest.fixture
def few(tmp_path: Path) -> Path:
    """Transcripts with facts of all kinds, few of them."""
    return write_few(tmp_path / "claude")


def write_few(root: Path) -> Path:
    become(root, CORPORA / "june")
    for group in ("03-parallel-calls", "09-compactions"):
        become(root / "projects" / group, CORPORA / "facts" / group / "1" / "projects")
    return root


def healed(warehouse: ClickHouse, machine: str) -> dict[str, object]:
    """Finish what was killed as the next command does, fold again, and return what is left."""
    compact(warehouse, machine, "UTC", MARCH_3, is_dry_run=False)
    assert warehouse.rows("SELECT count() FROM loads FINAL WHERE state = 'running'") == [(0,)]
    return {table: warehouse.rows(f"SELECT count() FROM {table} FINAL")[0][0] for table in FOLDED}


@pytest.mark.exhaustive
def test_a_fold_that_is_killed_anywhere_loses_nothing_and_doubles_nothing(
    tmp_path: Path, few: Path, ccusage20: Path
) -> None:
    home, kept = tmp_path / "home", tmp_path / "kept"
    installation = Installation(home, f"chdb://{home}/warehouse")
    installation.prepare()
    path = f"{ccusage20.parent}:{installation.environ()['PATH']}"
    assert installation.run("import", "--claude-dir", few, PATH=path)[0] == 0
    with installation.opened() as warehouse:
        before = shown(warehouse)
    shutil.copytree(home, kept, symlinks=True)
    command = ("--older-than", str(MARCH_3))
    stepped = Stepped(installation, *command, command="compact")
    points = stepped.pass_all()
    assert stepped.end() == (0, "")
    with installation.opened() as warehouse:
        assert healed(warehouse, installation.machine) == WHOLE

    begun = next(number for number, point in enumerate(points) if point == "before insert loads")
    wanted = (
        "before insert",
        "after insert_selected message_facts_by_month",
        "before command ALTER",
        "after command ALTER",
    )
    ends = [number for number, point in enumerate(points) if number >= begun and point.startswith(wanted)]
    assert [points[number].split(" ", 1)[1] for number in ends[:5]] == [
        "insert loads", "insert_selected folded_ids", "insert_selected hour_facts",
        "insert_selected message_facts_by_month", "insert_selected message_facts_by_month",
    ]  # fmt: skip
    # Before and after what is written, and at both ends of what is dropped.
    for number in (*ends[:6], *ends[-2:]):
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        point = Stepped(installation, *command, command="compact").kill_at(number)
        with installation.opened() as warehouse:
            assert (point, shown(warehouse)) == (point, before)
        if number in ends[2:5]:
            for cursor in home.rglob("transcripts.sqlite"):
                cursor.unlink()
            exit_code, _, stderr = installation.run("import", "--claude-dir", few, PATH=path)
            assert (point, exit_code) == (point, 0), stderr
        with installation.opened() as warehouse:
            assert (point, healed(warehouse, installation.machine)) == (point, WHOLE)
            assert (point, shown(warehouse)) == (point, before)


@pytest.mark.exhaustive
def test_a_fold_whose_server_is_lost_anywhere_loses_nothing_and_doubles_nothing(
    program: Program, few: Path, gateway: Gateway
) -> None:
    place, kept = (Place(gateway.url(database=name), gateway) for name in ("folded", "kept_of_folded"))
    for one in (place, kept):
        assert program("migrate", "--warehouse", one.url, "--create-database").exit_code == 0
    imported = program("import", "--warehouse", kept.url, "--claude-dir", few, "--machine", "laptop")
    assert imported.exit_code == 0, imported.stderr
    with open_warehouse(parse_warehouse_url(place.url)) as warehouse:

        def restore() -> None:
            for table in (*FACT_TABLES[:4], "loads", "records"):
                warehouse.command(f"ALTER TABLE {table} REPLACE PARTITION tuple() FROM kept_of_folded.{table}")
            for table in ("hour_facts", "folded_ids"):
                warehouse.command(f"TRUNCATE TABLE {table}")

        def fold() -> None:
            compact(warehouse, "laptop", "UTC", MARCH_3, is_dry_run=False)

        restore()
        before, already = shown(warehouse), len(gateway.statements())
        fold()
        statements = gateway.statements()[already:]
        writing = [number for number, said in enumerate(statements) if re.match(r"\s*(INSERT|ALTER)", said)]
        assert len(writing) >= 9
        for kind in ("drop_before", "drop_after"):
            for number in writing:
                restore()
                gateway.fail(kind, skip=number, times=1_000)
                with pytest.raises(WarehouseUnreachableError):
                    fold()
                gateway.clear_faults()
                at = f"{kind} {' '.join(statements[number].split())[:60]}"
                assert (at, shown(warehouse)) == (at, before)
                assert (at, healed(warehouse, "laptop")) == (at, WHOLE)
                assert (at, shown(warehouse)) == (at, before)


# --- other warehouses, other names ------------------------------------------------------------


@pytest.fixture(scope="module")
def home_of_laptop(tmp_path_factory: pytest.TempPathFactory, ccusage20: Path) -> Path:
    """A home with an embedded warehouse, to be copied."""
    home = tmp_path_factory.mktemp("laptop")
    few = write_few(tmp_path_factory.mktemp("few") / "claude")
    done = program_in(home, ccusage20)("import", "--claude-dir", few, "--machine", "laptop")
    assert done.exit_code == 0, done.stderr
    return home


@pytest.fixture
def laptop(program: Program, home_of_laptop: Path) -> Iterator[Place]:
    """The embedded warehouse in the home of the program, with facts of all kinds."""
    shutil.copytree(home_of_laptop, program.home, symlinks=True, dirs_exist_ok=True)
    with engine_stays():
        yield Place(f"chdb://{program.home}/.local/share/ccusage-import/warehouse")


def ran(program: Program, *arguments: str | Path) -> str:
    done = program(*arguments)
    assert done.exit_code == 0, done.stderr
    return done.stdout


FOLD = ("compact", "--older-than", str(MARCH_3))


@pytest.mark.exhaustive
def test_a_backup_holds_what_was_folded(program: Program, laptop: Place, few: Path, tmp_path: Path) -> None:
    ran(program, *FOLD)
    before = shown(laptop)
    ran(program, "backup", tmp_path / "saved")
    restored = Place(f"chdb://{tmp_path}/restored")

    ran(program, "restore", tmp_path / "saved", "--warehouse", restored.url)

    assert shown(restored) == before
    again = ran(program, "import", "--warehouse", restored.url, "--claude-dir", few, "--machine", "laptop")
    assert "transcripts: 0 new messages" in again
    assert shown(restored) == before


@pytest.mark.parametrize("server_had", some_of(["all", "nothing"], 0))
@pytest.mark.exhaustive
def test_a_push_folds_on_the_server_what_was_folded_here(
    program: Program, laptop: Place, server: Place, few: Path, server_had: str
) -> None:
    before = shown(laptop)
    if server_had == "all":
        ran(program, "push", server.url)
        assert shown(server) == before
    ran(program, *FOLD)

    ran(program, "push", server.url)

    assert shown(server) == before
    assert counts(server, DETAIL) == {"messages": 0, "tool_calls": 0, "turns": 0, "events": 0}
    ran(program, "push", server.url)
    assert shown(server) == before
    # What the server learned to know is known there too.
    for cursor in program.home.rglob("transcripts.sqlite"):
        cursor.unlink()
    ran(program, "import", "--warehouse", server.url, "--claude-dir", few, "--machine", "laptop")
    assert shown(server) == before


@pytest.mark.parametrize("lost_at", some_of(["ALTER TABLE `message_facts_by_month`", ""], 0))
@pytest.mark.exhaustive
def test_what_was_read_between_a_push_and_a_fold_is_pushed_with_the_fold(
    program: Program, laptop: Place, server: Place, few: Path, lost_at: str
) -> None:
    ran(program, "push", server.url)
    ClaudeDir(few).say("later", days_ago(1), 1_000)
    ran(program, "import", "--claude-dir", few)
    before = shown(laptop)
    ran(program, *FOLD)
    assert server.gateway is not None
    if lost_at:
        # The fold is published by then.
        server.gateway.fail("drop_before", match=lost_at, times=9)
        assert program("push", server.url).exit_code == 4
        server.gateway.clear_faults()

    ran(program, "push", server.url)

    assert shown(server) == before
    assert counts(server, DETAIL) == counts(laptop, DETAIL) == {"messages": 1, "tool_calls": 0, "turns": 0, "events": 0}


@pytest.mark.exhaustive
def test_what_the_server_folded_by_itself_does_not_come_back_by_a_push(
    program: Program, laptop: Place, server: Place
) -> None:
    before = shown(laptop)
    ran(program, "push", server.url)
    ran(program, *FOLD, "--warehouse", server.url)
    assert shown(server) == before

    ran(program, "push", server.url)
    assert shown(server) == before
    # Folded on both sides, it is counted on each once.
    ran(program, *FOLD)
    ran(program, "push", server.url)

    assert (shown(server), shown(laptop)) == (before, before)
    assert counts(server, DETAIL) == {"messages": 0, "tool_calls": 0, "turns": 0, "events": 0}


@pytest.mark.exhaustive
def test_a_push_does_not_drop_what_only_the_server_has(
    program: Program, laptop: Place, server: Place, few: Path
) -> None:
    ran(program, "push", server.url)
    # Read into the server alone: larger copies of its answers.
    june = few / "projects" / "-home-dev-project-1" / "00000001-0000-4000-8000-000000000001.jsonl"
    larger = june.read_text().replace('"output_tokens":1,', '"output_tokens":1001,')
    june.write_text(larger)
    ran(program, "import", "--warehouse", server.url, "--claude-dir", few, "--machine", "laptop")
    before, detail = shown(server), counts(server, DETAIL)
    assert before != shown(laptop)
    ran(program, *FOLD)

    refused = program("push", server.url)

    assert refused.exit_code == 4
    assert refused.stderr == (
        f"ccusage-import: error: push: {server.url} has facts of folded days that are not here\n"
        f"hint: fold them there too: ccusage-import compact --older-than AGE --warehouse {server.url}\n"
    )
    assert (shown(server, ("ledger_sessions",)), counts(server, DETAIL)) == (
        {"ledger_sessions": before["ledger_sessions"]}, detail,
    )  # fmt: skip
    ran(program, *FOLD, "--warehouse", server.url)
    ran(program, "push", server.url)
    assert shown(server, ("hourly",)) == {"hourly": before["hourly"]}


def test_a_push_folds_where_the_server_knows_higher_prices(program: Program, laptop: Place, server: Place) -> None:
    ran(program, "push", server.url)
    with open_warehouse(parse_warehouse_url(server.url)) as opened:
        opened.command(
            "ALTER TABLE message_facts_by_month UPDATE cost_usd = 2 * cost_usd WHERE 1 SETTINGS mutations_sync = 2"
        )
    ran(program, *FOLD)

    ran(program, "push", server.url)

    assert shown(server) == shown(laptop)
    assert counts(server, DETAIL) == {"messages": 0, "tool_calls": 0, "turns": 0, "events": 0}


@pytest.mark.exhaustive
def test_folded_facts_go_with_a_machine_that_gets_another_name(program: Program, laptop: Place, few: Path) -> None:
    before = {view: [row[1:] for row in rows] for view, rows in shown(laptop).items()}
    ran(program, *FOLD)

    ran(program, "rename", "machine", "tower")

    after = shown(laptop)
    assert {view: [row[1:] for row in rows] for view, rows in after.items()} == before
    assert {row[0] for rows in after.values() for row in rows} == {"tower"}
    for cursor in program.home.rglob("transcripts.sqlite"):
        cursor.unlink()
    ran(program, "import", "--claude-dir", few)
    assert shown(laptop) == after


@pytest.mark.parametrize("folds_first", [True, False])
def test_a_server_that_learns_of_a_fold_and_a_new_name_at_once_counts_each_fact_once(
    program: Program, laptop: Place, server: Place, *, folds_first: bool
) -> None:
    ran(program, "push", server.url)
    rename = ("rename", "machine", "tower")
    for command in (FOLD, rename) if folds_first else (rename, FOLD):
        ran(program, *command)

    ran(program, "push", server.url)

    assert shown(server) == shown(laptop)
    assert {row[0] for rows in shown(server).values() for row in rows} == {"tower"}
    assert server.rows("SELECT count() FROM messages WHERE machine = 'laptop'") == [(0,)]
    ran(program, "push", server.url)
    assert shown(server) == shown(laptop)


@pytest.mark.parametrize("is_used_again", [False, True])
def test_facts_that_an_earlier_push_left_under_the_old_name_go_with_the_next(
    program: Program, laptop: Place, server: Place, *, is_used_again: bool
) -> None:
    ran(program, "push", server.url)
    ran(program, *FOLD)
    ran(program, "rename", "machine", "tower")
    ran(program, "push", server.url)
    [(messages,)] = server.rows("SELECT count() FROM message_facts_by_month FINAL WHERE machine = 'laptop'")
    with open_warehouse(parse_warehouse_url(server.url)) as opened:
        [(mark,)] = opened.rows("SELECT max(taken_back) FROM message_facts_by_month FINAL WHERE machine = 'laptop'")
        bring_back_facts(opened, "laptop", mark // 2, next_load_id(opened, "laptop"))
        if is_used_again:
            write_claim(opened, "laptop", "somebody else")
    assert server.rows("SELECT count() > 0 FROM messages WHERE machine = 'laptop'") == [(True,)]
    assert shown(server) != shown(laptop)

    ran(program, "push", server.url)

    assert (shown(server) == shown(laptop)) is not is_used_again
    assert server.rows("SELECT count() FROM message_facts_by_month FINAL WHERE machine = 'laptop'") == [(messages,)]


def test_folded_sessions_get_the_names_that_are_configured(
    program: Program, laptop: Place, few: Path, tmp_path: Path
) -> None:
    tokens = "SELECT project, total_tokens, token_difference FROM ledger_sessions ORDER BY total_tokens"
    # More names than are changed at once.
    others = ClaudeDir(tmp_path / "others")
    for minute in range(60):
        others.say(f"s{minute}", datetime(2026, 2, 1, 12, minute, tzinfo=UTC), 1_000_000 + minute)
    ran(program, "import", "--claude-dir", few, "--claude-dir", others.root)
    ran(program, *FOLD)
    before = laptop.rows(tokens)

    ran(program, "rename", "projects", "--no-hash-projects")

    after = laptop.rows(tokens)
    assert [row[1:] for row in after] == [row[1:] for row in before]
    assert ("-home-dev-project-1", 0) in {(row[0], row[2]) for row in after}

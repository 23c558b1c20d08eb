"""Several machines in one warehouse, and a laptop that works offline and catches up."""

from __future__ import annotations

import json
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from ccusage_import.warehouse.tables import Load, write_load
from tests.conftest import Place, Program
from tests.faults.documents import save_generation
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.dead_loads import fail_with_names_in_clear
from tests.support.exhaustive import some_of
from tests.support.gateway.running import Gateway
from tests.support.hosts import needs_hosts, on_host

pytestmark = pytest.mark.usefixtures("engine_stays")

# 1,000 output tokens of the model that ClaudeDir writes cost 0.015 $.
SHOWN = "SELECT report, machine, agent, key, load_id, total_tokens, cost_usd FROM records FINAL ORDER BY ALL"
LOGGED = "SELECT * FROM changes ORDER BY machine, report, agent, key, load_id"
LOADS = "SELECT * FROM loads FINAL ORDER BY machine, load_id"


def imported(program: Program, claude: ClaudeDir, *arguments: str, **environ: str) -> dict[str, Any]:
    done = program("import", "--claude-dir", claude.root, "--machine", "laptop", "--json", *arguments, **environ)
    assert done.exit_code == 0, done.stderr
    return {**json.loads(done.stdout), "stderr": done.stderr}


def pushed(program: Program, server: Place) -> dict[str, Any]:
    done = program("push", server.url, "--json")
    assert done.exit_code == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def same(server: Place, laptop: Place) -> bool:
    whole = {sql: sql for sql in (SHOWN, LOGGED, LOADS)}
    return server.answers(whole) == laptop.answers(whole)


@pytest.mark.usefixtures("own_warehouse")
def test_a_push_copies_everything_and_a_second_one_nothing(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    claude.say("old", days_ago(60), 1_000)
    claude.say("new", days_ago(2), 2_000)
    imported(program, claude)
    claude.delete("old")
    claude.say("new", days_ago(1), 3_000)
    imported(program, claude)

    first = pushed(program, server)
    rows = laptop.rows("SELECT (SELECT count() FROM changes), (SELECT count() FROM records FINAL)")
    assert (first["machines"], first["loads"], first["conflicts"]) == (["laptop"], 2, [])
    assert [(first["changes"], first["records"])] == rows
    assert first["facts"] == 3
    assert same(server, laptop)
    assert server.rows("SELECT sum(cost_usd) = 0.09 FROM daily") == [(True,)]
    second = pushed(program, server)
    assert [second[name] for name in ("loads", "changes", "records", "facts")] == [0, 0, 0, 0]
    assert second["conflicts"] == []
    assert same(server, laptop)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_later_loads_follow_and_undone_ones_too(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    claude.say("s1", days_ago(2), 1_000)
    imported(program, claude)
    pushed(program, server)
    claude.say("s2", days_ago(1), 1_000)
    load = imported(program, claude)["load_id"]
    assert program("undo", str(load)).exit_code == 0

    # The load that was undone and the one that undid it.
    assert pushed(program, server)["loads"] == 2
    assert same(server, laptop)
    assert server.rows("SELECT sum(total_tokens) FROM daily") == [(1_000,)]


@pytest.mark.usefixtures("own_warehouse")
@pytest.mark.parametrize("table", some_of(["changes", "records", "loads"], 1))
def test_a_push_that_is_cut_off_is_finished_by_the_next(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place, table: str
) -> None:
    claude.say("s1", days_ago(2), 1_000)
    imported(program, claude)
    assert server.gateway is not None
    server.gateway.fail("drop_before", match=f"INSERT INTO {table}", times=9)
    cut = program("push", server.url)
    assert cut.exit_code == 4
    server.gateway.clear_faults()

    pushed(program, server)
    assert same(server, laptop)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_server_that_drops_what_it_knows_by_token_gets_every_row(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    with open_warehouse(parse_warehouse_url(server.url)) as opened:
        for table in ("records", "changes", "loads"):
            # What the tables of a cluster and of ClickHouse Cloud do by themselves.
            opened.command(f"ALTER TABLE {table} MODIFY SETTING non_replicated_deduplication_window = 1000")
    claude.say("s1", days_ago(3), 1_000)
    imported(program, claude)
    pushed(program, server)
    claude.say("s2", days_ago(2), 2_000)
    imported(program, claude)
    assert server.gateway is not None
    server.gateway.fail("drop_before", match="INSERT INTO loads", times=9)
    assert program("push", server.url).exit_code == 4
    server.gateway.clear_faults()
    claude.say("s3", days_ago(1), 3_000)
    imported(program, claude)

    pushed(program, server)
    assert server.rows("SELECT count() FROM loads FINAL") == [(3,)]
    assert server.rows("SELECT total_tokens FROM daily ORDER BY date") == [(1_000,), (2_000,), (3_000,)]
    assert same(server, laptop)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_another_history_on_the_server_is_judged_by_the_rule(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    claude.say("s1", days_ago(3), 1_000)
    claude.say("s2", days_ago(2), 5_000)
    imported(program, claude, "--warehouse", server.url)
    # What the server never saw grows here; what it saw in full was swept before this warehouse began.
    claude.say("s1", days_ago(3, hour=13), 3_000)
    claude.delete("s2")
    claude.say("s3", days_ago(1), 7_000)
    imported(program, claude)
    days = "SELECT date, total_tokens FROM daily ORDER BY date"
    assert [tokens for _, tokens in laptop.rows(days)] == [4_000, 7_000]

    conflicts = pushed(program, server)["conflicts"]
    assert [tokens for _, tokens in server.rows(days)] == [4_000, 5_000, 7_000]
    assert {(item["report"], item["verdict"]) for item in conflicts if item["report"] == "daily"} == {
        ("daily", "grew"),
        ("daily", "new"),
    }
    again = pushed(program, server)
    assert (again["conflicts"], again["facts"]) == ([], 0)
    assert [tokens for _, tokens in server.rows(days)] == [4_000, 5_000, 7_000]
    claude.say("s4", days_ago(1, hour=13), 500)
    imported(program, claude)
    assert pushed(program, server)["facts"] == 1
    assert server.rows("SELECT sum(output_tokens) FROM messages") == [(16_500,)]


@pytest.mark.usefixtures("own_warehouse")
def test_a_smaller_number_never_wins_on_the_server(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    claude.say("s1", days_ago(3), 1_000)
    claude.say("s2", days_ago(3, hour=13), 5_000)
    imported(program, claude, "--warehouse", server.url)
    claude.delete("s2")
    imported(program, claude)

    shown = program("push", server.url)
    assert "the server has loads that are not known here; what differed:" in shown.stdout
    assert "nothing shows whether its transcripts were deleted meanwhile" in shown.stdout
    assert server.rows("SELECT total_tokens FROM daily") == [(6_000,)]
    assert laptop.rows("SELECT total_tokens FROM daily") == [(1_000,)]
    assert server.rows("SELECT verdict FROM changes WHERE report = 'daily' AND NOT is_written") == [("held",)]


@pytest.mark.usefixtures("own_warehouse")
def test_what_is_taken_back_here_keeps_its_messages_on_a_server_whose_numbers_do_not_fall(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    claude.say("s1", days_ago(3), 1_000)
    imported(program, claude, "--warehouse", server.url)
    claude.say("s2", days_ago(1), 5_000)
    imported(program, claude)
    pushed(program, server)
    sums = "SELECT (SELECT sum(total_tokens) FROM daily), (SELECT sum(total_tokens) FROM messages)"
    claude.say("s3", days_ago(1, hour=13), 300)
    imported(program, claude)
    pushed(program, server)
    assert server.rows(sums) == [(6_300, 6_300)]
    assert program("undo", "last").exit_code == 0
    assert laptop.rows(sums) == [(6_000, 6_000)]

    pushed(program, server)
    assert server.rows(sums) == [(6_300, 6_300)]
    imported(program, claude)
    pushed(program, server)
    loads = server.rows("SELECT count() FROM loads FINAL")
    assert pushed(program, server)["conflicts"] == []
    assert server.rows("SELECT count() FROM loads FINAL") == loads
    claude.say("s3", days_ago(1, hour=13), 70)
    imported(program, claude)
    pushed(program, server)
    assert [place.rows(sums) for place in (server, laptop)] == [[(6_370, 6_370)], [(6_370, 6_370)]]


@pytest.mark.usefixtures("own_warehouse")
def test_what_is_held_here_is_held_on_a_server_with_loads_of_its_own(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    held = "SELECT report, offered_tokens FROM held_records ORDER BY ALL"
    claude.say("s1", days_ago(3), 1_000)
    imported(program, claude, "--warehouse", server.url)
    claude.say("s2", days_ago(3, hour=13), 5_000)
    imported(program, claude)
    pushed(program, server)
    claude.delete("s2")
    imported(program, claude)
    assert ("daily", 1_000) in laptop.rows(held)

    assert pushed(program, server)["conflicts"] == []
    assert server.rows(held) == laptop.rows(held)
    assert pushed(program, server)["conflicts"] == []

    claude.say("s2", days_ago(3, hour=13), 5_000)
    imported(program, claude)
    pushed(program, server)
    assert (server.rows(held), laptop.rows(held)) == ([], [])


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_load_that_judged_two_histories_reads_like_an_import_and_is_none(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    claude.say("s1", days_ago(3), 1_000)
    imported(program, claude, "--warehouse", server.url)
    first = server.rows("SELECT last_success_at FROM freshness")
    claude.say("s2", days_ago(1), 7_000)
    imported(program, claude)
    naming = laptop.rows("SELECT naming FROM loads FINAL")
    fail_with_names_in_clear(laptop)
    pushed(program, server)

    judging = server.rows(
        "SELECT runner, arraySort(reports), verdicts['daily/new'], verdicts['daily/unchanged'],"
        " verdicts['session/new'], verdicts['session/unchanged'], tokens_before, tokens_after, records_after ="
        " (SELECT count() FROM records FINAL) FROM loads FINAL ORDER BY load_id DESC LIMIT 1"
    )
    reports = ["blocks", "daily", "monthly", "projects", "session"]
    assert judging == [("push", reports, 1, 1, 1, 1, 1_000, 8_000, True)]
    assert server.rows("SELECT naming FROM loads FINAL WHERE runner = 'push'") == naming
    # What the laptop imported is on the server too, and is the last success there; the judging is not.
    success = server.rows("SELECT last_success_at FROM freshness")
    assert first != success
    assert success == laptop.rows("SELECT last_success_at FROM freshness")
    status = json.loads(program("status", "--warehouse", server.url, "--json").stdout)
    assert status["last_import"]["load_id"] == laptop.rows("SELECT max(load_id) FROM loads")[0][0]


@pytest.mark.usefixtures("own_warehouse")
def test_a_push_that_brings_nothing_adds_no_load(program: Program, claude: ClaudeDir, server: Place) -> None:
    claude.say("s1", days_ago(40, hour=23), 1_000)
    claude.say("s2", days_ago(3, hour=23), 2_000)
    imported(program, claude, "--warehouse", server.url)
    imported(program, claude, "--timezone", "Europe/Berlin")
    pushed(program, server)
    pushed(program, server)
    loads = server.rows("SELECT count() FROM loads FINAL")
    changes = server.rows("SELECT count() FROM changes")

    again = pushed(program, server)
    assert (again["loads"], again["changes"], again["records"], again["conflicts"]) == (0, 0, 0, [])
    assert server.rows("SELECT count() FROM loads FINAL") == loads
    assert server.rows("SELECT count() FROM changes") == changes


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_histories_of_two_zones_count_nothing_twice(program: Program, claude: ClaudeDir, server: Place) -> None:
    claude.say("s1", days_ago(60, hour=23), 1_000)
    imported(program, claude)
    claude.say("s2", days_ago(3, hour=23), 2_000)
    imported(program, claude, "--warehouse", server.url)
    # What is older keeps the zone that it was read with.
    imported(program, claude, "--timezone", "Europe/Berlin")

    conflicts = pushed(program, server)["conflicts"]

    assert {item["reason"] for item in conflicts if item["report"] == "daily"} == {"timezone_changed"}
    assert server.rows("SELECT sum(total_tokens) FROM daily") == [(3_000,)]


@pytest.mark.usefixtures("own_warehouse")
def test_days_of_one_zone_grow_on_the_server_though_another_zone_is_read_since(
    program: Program, claude: ClaudeDir, server: Place
) -> None:
    claude.say("s1", days_ago(60), 1_000)
    imported(program, claude, "--warehouse", server.url)
    claude.say("s1", days_ago(60, hour=13), 500)
    imported(program, claude)
    claude.say("s2", days_ago(3), 10)
    imported(program, claude, "--timezone", "Europe/Berlin")

    assert {item["verdict"] for item in pushed(program, server)["conflicts"]} == {"grew", "new"}
    assert server.rows("SELECT timezone, total_tokens FROM records FINAL WHERE report = 'daily' ORDER BY day") == [
        ("UTC", 1_500),
        ("Europe/Berlin", 10),
    ]


HASHED = r"by pseudonyms \(salt [0-9a-f]{16}\)"


@pytest.mark.parametrize(
    ("of_server", "there", "of_laptop", "here"),
    some_of(
        [
            ("--no-hash-projects", "in clear", "--hash-projects", HASHED),
            ("--hash-projects", HASHED, "--no-hash-projects", "in clear"),
        ],
        0,
    ),
)
def test_two_histories_that_name_projects_otherwise_are_not_judged(
    program: Program, claude: ClaudeDir, server: Place, of_server: str, there: str, of_laptop: str, here: str
) -> None:
    claude.say("s1", days_ago(3), 1_000)
    imported(program, claude, "--warehouse", server.url, of_server)
    claude.say("s2", days_ago(1), 7_000)
    imported(program, claude, of_laptop)

    done = program("push", server.url)

    error, hint = done.stderr.splitlines()
    assert (done.exit_code, done.stdout) == (2, "")
    assert re.fullmatch(
        f"ccusage-import: error: projects and sessions of 'laptop' are stored {there} in {re.escape(server.url)},"
        f" and here {here}; both would count them twice",
        error,
    )
    assert hint == f"hint: rename them there too: ccusage-import rename projects --warehouse {server.url}"
    assert server.rows("SELECT sum(total_tokens) FROM daily") == [(1_000,)]


@pytest.mark.usefixtures("own_warehouse")
def test_details_alone_that_differ_are_written_and_are_no_conflict(
    program: Program, server: Place, tmp_path: Path
) -> None:
    saved = save_generation(tmp_path / "saved", 0)
    blocks = json.loads((saved / "blocks.json").read_text())
    (saved / "blocks.json").write_text(
        json.dumps({"blocks": [{**block, "isActive": True} for block in blocks["blocks"]]})
    )
    command = ("import", "--from", saved, "--machine", "laptop")
    assert program(*command, "--warehouse", server.url).exit_code == 0
    (saved / "blocks.json").write_text(json.dumps(blocks))
    assert program(*command).exit_code == 0
    active = "SELECT sum(is_active), sum(total_tokens) FROM blocks"
    [(before, tokens)] = server.rows(active)

    assert (before, pushed(program, server)["conflicts"]) == (20, [])

    assert server.rows(active) == [(0, tokens)]
    assert server.rows(
        "SELECT verdicts['blocks/refreshed'], verdicts['daily/unchanged'] FROM loads FINAL WHERE runner = 'push'"
    ) == [(20, 30)]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_load_that_died_here_is_settled_before_it_is_pushed(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    claude.say("s1", days_ago(3), 1_000)
    imported(program, claude, "--warehouse", server.url)
    with laptop.opened() as opened:
        apply_migrations(opened)
        write_load(opened, Load(1_000, "laptop", days_ago(1)))

    assert pushed(program, server)["loads"] == 1
    assert server.rows("SELECT state FROM loads FINAL WHERE load_id = 1000") == [("interrupted",)]
    assert server.rows("SELECT total_tokens FROM daily") == [(1_000,)]


def take_back_on_the_server(program: Program, claude: ClaudeDir, server: Place) -> None:
    """Push 1,000 tokens and 4,000 of another load, and undo that on the server."""
    claude.say("s1", days_ago(3), 1_000)
    imported(program, claude)
    claude.say("s1", days_ago(3, hour=13), 4_000)
    load = imported(program, claude)["load_id"]
    pushed(program, server)
    assert program("undo", str(load), "--warehouse", server.url).exit_code == 0


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_what_was_taken_back_on_the_server_is_not_pushed_again(
    program: Program, claude: ClaudeDir, server: Place
) -> None:
    take_back_on_the_server(program, claude, server)

    pushed(program, server)
    assert server.rows("SELECT total_tokens FROM daily") == [(1_000,)]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_messages_come_back_on_the_server_with_the_days_that_grew_past_what_was_taken_back(
    program: Program, claude: ClaudeDir, server: Place
) -> None:
    take_back_on_the_server(program, claude, server)
    claude.say("s1", days_ago(3, hour=14), 1)
    imported(program, claude)

    pushed(program, server)

    assert server.rows("SELECT total_tokens FROM daily") == [(5_001,)]
    assert server.rows("SELECT sum(output_tokens) FROM messages") == [(5_001,)]


@pytest.mark.usefixtures("own_warehouse")
def test_sync_pushes_after_each_import(program: Program, claude: ClaudeDir, server: Place, laptop: Place) -> None:
    claude.say("s1", days_ago(2), 1_000)
    imported(program, claude, CCUSAGE_IMPORT_SYNC=server.url)
    assert same(server, laptop)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_limits_of_all_kinds_come_with_a_push(program: Program, claude: ClaudeDir, server: Place) -> None:
    for setting, value in (("budget.monthly", "200"), ("quota.week_usd", "max"), ("plan.monthly", "100")):
        assert program("config", "set", setting, value).exit_code == 0
    claude.say("s1", days_ago(0, hour=0), 1_000)
    imported(program, claude)
    pushed(program, server)

    assert server.rows("SELECT set_by, scope, period, limit_usd FROM budgets FINAL") == [
        ("laptop", "all", "monthly", 200)
    ]
    assert server.rows("SELECT machine, name, maximum FROM quotas FINAL") == [("laptop", "week_usd", None)]
    assert server.rows("SELECT name, used = toDecimal128('0.015', 9) FROM quota_status") == [("week_usd", True)]
    assert server.rows("SELECT machine, monthly_usd FROM plans FINAL") == [("laptop", 100)]

    assert program("config", "set", "quota.week_usd", "5").exit_code == 0
    pushed(program, server)
    assert server.rows("SELECT maximum FROM quotas FINAL") == [(5,)]


@pytest.mark.usefixtures("own_warehouse")
def test_sync_pushes_saved_files_too_and_no_dry_run(
    program: Program, server: Place, laptop: Place, tmp_path: Path
) -> None:
    tokens = {"inputTokens": 0, "outputTokens": 10, "cacheCreationTokens": 0, "cacheReadTokens": 0}
    row = {"date": "2025-09-03", "totalTokens": 10, "totalCost": 0.5, "modelBreakdowns": [], **tokens}
    (tmp_path / "daily.json").write_text(json.dumps({"daily": [row]}))
    saved = ("import", "--from", tmp_path, "--machine", "laptop")

    assert program(*saved, "--dry-run", CCUSAGE_IMPORT_SYNC=server.url).exit_code == 0
    assert server.rows("SELECT count() FROM loads") == [(0,)]
    assert program(*saved, CCUSAGE_IMPORT_SYNC=server.url).exit_code == 0
    assert server.rows("SELECT total_tokens, cost_usd = 0.5 FROM daily") == [(10, True)]
    assert same(server, laptop)


@pytest.mark.usefixtures("own_warehouse")
def test_a_server_that_is_down_costs_a_warning_and_catches_up(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    claude.say("s1", days_ago(2), 1_000)
    done = imported(program, claude, CCUSAGE_IMPORT_SYNC=f"clickhouse://ana:hunter2@127.0.0.1:{port}/x")
    assert "warning: not pushed, the next import tries again: warehouse clickhouse://ana@127.0.0.1:" in done["stderr"]
    assert "\nhint: check host, port and TLS" in done["stderr"]
    assert "hunter2" not in done["stderr"]
    assert done["warnings"][0].startswith("not pushed, the next import tries again: warehouse clickhouse://ana@")
    claude.say("s2", days_ago(1), 1_000)
    imported(program, claude, CCUSAGE_IMPORT_SYNC=server.url)

    assert same(server, laptop)
    assert server.rows("SELECT count() FROM loads FINAL") == [(2,)]


@pytest.mark.usefixtures("own_warehouse")
def test_pushes_that_fail_for_too_long_are_not_healthy(program: Program, claude: ClaudeDir, server: Place) -> None:
    claude.say("s1", days_ago(2), 1_000)
    imported(program, claude, CCUSAGE_IMPORT_SYNC="clickhouse://127.0.0.1:9/x")
    assert problems(program, CCUSAGE_IMPORT_SYNC="clickhouse://127.0.0.1:9/x") == []

    # By then the import is too old as well.
    late = {"CCUSAGE_IMPORT_STALE_AFTER_HOURS": "0.000001"}
    stale = {"kind": "imports", "text": "imports: stale"}
    failing = {"kind": "push", "text": "pushes have failed for 0 h: ccusage-import push"}
    assert problems(program, CCUSAGE_IMPORT_SYNC=server.url, **late) == [stale, failing]
    assert problems(program, **late) == [stale]

    imported(program, claude, CCUSAGE_IMPORT_SYNC=server.url)
    assert problems(program, CCUSAGE_IMPORT_SYNC=server.url, **late) == [stale]


def problems(program: Program, **environ: str) -> list[dict[str, str]]:
    found: list[dict[str, str]] = json.loads(program("status", "--json", **environ).stdout)["health"]["problems"]
    return found


def test_what_cannot_be_pushed(program: Program, server: Place) -> None:
    nowhere = program("push")
    assert (nowhere.exit_code, nowhere.stderr.splitlines()) == (
        2,
        ["ccusage-import: error: push: no server is named", "hint: ccusage-import push URL, or set `sync`"],
    )
    empty = program("push", server.url)
    assert "push: there is no warehouse chdb://" in empty.stderr
    backwards = program("push", server.url, "--warehouse", server.url)
    assert backwards.exit_code == 2
    assert "copies an embedded warehouse to a server" in backwards.stderr


@pytest.mark.usefixtures("own_warehouse")
def test_a_server_without_tables_says_what_to_type(program: Program, claude: ClaudeDir, gateway: Gateway) -> None:
    claude.say("s1", days_ago(2), 1_000)
    imported(program, claude)
    with open_warehouse(parse_warehouse_url(gateway.url(database="bare")), creates_database=True):
        pass

    done = program("push", gateway.url(database="bare"))
    assert done.exit_code == 4
    assert "hint: ccusage-import migrate --warehouse clickhouse://default@127.0.0.1:" in done.stderr


@pytest.mark.usefixtures("own_warehouse")
def test_hints_of_a_push_name_its_server_and_its_password(
    program: Program, claude: ClaudeDir, server: Place, gateway: Gateway
) -> None:
    claude.say("s1", days_ago(2), 1_000)
    imported(program, claude)

    missing = gateway.url(database="nowhere")
    done = program("push", missing)
    assert (done.exit_code, done.stderr.splitlines()[1]) == (
        4, f"hint: ccusage-import migrate --create-database --warehouse {missing}",
    )  # fmt: skip
    done = program("push", server.url.replace("default", "default:wrong", 1))
    assert (done.exit_code, done.stderr.splitlines()[1]) == (4, "hint: set CCUSAGE_IMPORT_SYNC_PASSWORD")


def at_home(program: Program, home: Path, host: str) -> Program:
    """Return the program on a host of that name, in a home of its own; one salt for all."""
    home.mkdir(exist_ok=True)
    environ = {**program.environ, "HOME": str(home), "CCUSAGE_IMPORT_SALT": "shared"}
    return Program(home, environ, on_host(host))


@needs_hosts
@pytest.mark.exhaustive_at("http")
def test_three_machines_add_up_and_a_renamed_host_stays_one(program: Program, tmp_path: Path, migrated: Place) -> None:
    named = ("--warehouse", migrated.url, "--json")
    for host, tokens in {"one": 1_000, "two": 20_000, "three": 300_000}.items():
        claude = ClaudeDir(tmp_path / f"claude-{host}")
        claude.say("s", days_ago(2), tokens // 2)
        claude.say("s", days_ago(1), tokens // 2)
        done = at_home(program, tmp_path / host, host)("import", "--claude-dir", claude.root, *named)
        assert (done.exit_code, json.loads(done.stdout)["machine"]) == (0, host), done.stderr
    everything = "SELECT * EXCEPT load_id FROM daily ORDER BY ALL"
    before = migrated.rows(everything)

    # The third home, on a host that is called otherwise now.
    again = at_home(program, tmp_path / "three", "wifi-17")
    done = again("import", "--claude-dir", tmp_path / "claude-three", *named)

    assert (done.exit_code, json.loads(done.stdout)["machine"]) == (0, "three")
    assert migrated.rows(everything) == before
    rows = migrated.rows("SELECT machine, sum(total_tokens) FROM daily GROUP BY machine ORDER BY 2")
    assert rows == [("one", 1_000), ("two", 20_000), ("three", 300_000)]
    # One project on all of them: one pseudonym, and the sum of the three.
    assert migrated.rows("SELECT uniqExact(project), sum(total_tokens) FROM projects_daily") == [(1, 321_000)]
    assert migrated.rows("SELECT sum(total_tokens) FROM monthly_from_daily") == [(321_000,)]

"""A machine gets another name, and projects and sessions the names that are configured; nothing is counted twice."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.conftest import Place, Program
from tests.faults.documents import save_generation
from tests.faults.harness import Installation
from tests.faults.kills import Stepped
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.gateway import Gateway

ODD = 'ana\'s "new\\one"'
DAYS = "SELECT machine, date, total_tokens FROM daily ORDER BY machine, date"
MACHINES = (
    "SELECT machine, count(), sum(total_tokens) FROM"
    " (SELECT machine, total_tokens FROM records FINAL) GROUP BY machine ORDER BY machine"
)


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(3), 1_000)
    return claude


def imported(program: Program, place: Place, claude: ClaudeDir, *arguments: str, **environ: str) -> int:
    command = ("import", "--warehouse", place.url, "--claude-dir", claude.root, "--json")
    done = program(*command, *arguments, **environ)
    assert done.exit_code == 0, done.stderr
    load: int = json.loads(done.stdout)["load_id"]
    return load


@pytest.mark.parametrize("new", ["tower", ODD])
def test_a_machine_gets_another_name_with_all_its_history(
    program: Program, migrated: Place, claude: ClaudeDir, new: str
) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    claude.say("a", days_ago(3, hour=13), 4_000)
    load = imported(program, migrated, claude, CCUSAGE_IMPORT_BUDGET='{"monthly": 100}')
    logged = migrated.rows("SELECT count() FROM changes")[0][0]
    command = ("rename", "machine", new, "--warehouse", migrated.url, "--json")

    would = json.loads(program(*command, "--dry-run").stdout)
    assert (would["old"], would["new"], would["records"], would["changes"], would["loads"]) == (
        "laptop", new, 5, logged, 2,
    )  # fmt: skip
    assert [row[0] for row in migrated.rows(MACHINES)] == ["laptop"]
    done = program(*command)
    assert (done.exit_code, json.loads(done.stdout)) == (0, {**would, "is_dry_run": False}), done.stderr

    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [(new, 5_000)]
    assert [(row[0], row[1]) for row in migrated.rows(MACHINES)] == [(new, 5)]
    assert migrated.rows("SELECT machine, last_failed FROM freshness") == [(new, False)]
    assert migrated.rows("SELECT set_by FROM budgets FINAL") == [(new,)]
    history = json.loads(program("history", "--warehouse", migrated.url, "--json").stdout)
    assert [(each["machine"], each["runner"] == "rename machine") for each in history] == [
        (new, True), (new, False), (new, False),
    ]  # fmt: skip
    # The old name is nobody's, the installation has the new one: nothing is stored a second time.
    imported(program, migrated, claude)
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [(new, 5_000)]
    assert program("undo", str(load), "--warehouse", migrated.url).exit_code == 0
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [(new, 1_000)]


@pytest.mark.one_place
def test_a_machine_gets_its_old_name_back(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    for name in ("tower", "laptop", "tower", "laptop"):
        done = program("rename", "machine", name, "--warehouse", migrated.url)
        assert done.exit_code == 0, done.stderr
        assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [(name, 1_000)]
    claude.say("a", days_ago(3, hour=13), 4_000)
    load = imported(program, migrated, claude)
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("laptop", 5_000)]
    assert program("undo", str(load), "--warehouse", migrated.url).exit_code == 0
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("laptop", 1_000)]


@pytest.mark.one_place
def test_the_old_name_can_be_that_of_another_installation(
    program: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    other = Program(tmp_path / "other", {**program.environ, "HOME": str(tmp_path / "other")})
    imported(program, migrated, claude, "--machine", "laptop")
    assert other("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--machine", "pi").exit_code == 0

    taken = program("rename", "machine", "pi", "--warehouse", migrated.url)
    assert (taken.exit_code, "machine 'pi' is the name of another installation" in taken.stderr) == (2, True)
    assert program("rename", "machine", "tower", "--warehouse", migrated.url).exit_code == 0
    assert other("rename", "machine", "laptop", "--warehouse", migrated.url).exit_code == 0
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("laptop", 1_000), ("tower", 1_000)]


@pytest.mark.one_place
def test_the_refusal_of_another_name_says_how_to_rename(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    refused = program("import", "--warehouse", migrated.url, "--claude-dir", claude.root, MACHINE_NAME="my tower")
    assert refused.exit_code == 2
    assert "; or rename what is stored: ccusage-import rename machine 'my tower'" in refused.stderr

    assert program("rename", "machine", "my tower", "--warehouse", migrated.url, MACHINE_NAME="my tower").exit_code == 0
    imported(program, migrated, claude, MACHINE_NAME="my tower")
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("my tower", 1_000)]


def test_a_renaming_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    home, kept = tmp_path / "home", tmp_path / "kept"
    installation = Installation(home, f"chdb://{home}/warehouse")
    installation.prepare()
    saved = save_generation(tmp_path / "older", 0)
    assert installation.run("import", "--from", saved)[0] == 0
    before = installation.rows("SELECT * EXCEPT (load_id, machine) FROM daily ORDER BY ALL")
    logged = installation.rows("SELECT count() FROM changes")[0][0]
    shutil.copytree(home, kept, symlinks=True)
    stepped, points = Stepped(installation, "tower", command="rename machine"), []
    while point := stepped.next_point():
        points.append(point)
        stepped.go_on()
    assert stepped.end()[0] == 0

    writing = [number for number, point in enumerate(points) if point.startswith("before insert")]
    assert len(writing) >= 9
    for number in (*writing, len(points) - 1):
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        killed = Stepped(installation, "tower", command="rename machine")
        point = killed.run_to(number)
        killed.process.kill()
        killed.end()
        # All of it is under one of the two names, and nothing is imported under the one that it loses.
        shown = installation.rows("SELECT * EXCEPT (load_id, machine) FROM daily ORDER BY ALL")
        assert (point, shown == before) == (point, True)
        exit_code = installation.run("import", "--from", saved)[0]
        shown = installation.rows("SELECT * EXCEPT (load_id, machine) FROM daily ORDER BY ALL")
        assert (point, shown == before, exit_code) == (point, True, exit_code)

        exit_code, _, stderr = installation.run("rename", "machine", "tower")
        assert (point, exit_code, stderr) == (point, 0, "")
        assert installation.rows("SELECT DISTINCT machine FROM daily") == [("tower",)]
        shown = installation.rows("SELECT * EXCEPT (load_id, machine) FROM daily ORDER BY ALL")
        assert (point, shown == before) == (point, True)
        assert installation.rows("SELECT count() FROM changes WHERE machine = 'tower'") == [(logged,)]
        exit_code, _, stderr = installation.run("import", "--from", saved)
        assert (point, exit_code, stderr) == (point, 0, "")
        shown = installation.rows("SELECT * EXCEPT (load_id, machine) FROM daily ORDER BY ALL")
        assert (point, shown == before) == (point, True)
        assert installation.rows("SELECT count() FROM loads FINAL WHERE state = 'running'") == [(0,)]


def test_a_server_learns_the_new_name_by_the_next_push(program: Program, claude: ClaudeDir, gateway: Gateway) -> None:
    server = Place(gateway.url(database="renamed"), gateway)
    with open_warehouse(parse_warehouse_url(server.url), creates_database=True) as opened:
        apply_migrations(opened, "1.2.3")
    local = Place(f"chdb://{program.home}/.local/share/ccusage-import/warehouse")
    imported(program, local, claude, "--machine", "laptop", CCUSAGE_IMPORT_SYNC=server.url)
    assert program("rename", "machine", "tower").exit_code == 0
    claude.say("b", days_ago(2), 300)
    imported(program, local, claude, CCUSAGE_IMPORT_SYNC=server.url)

    assert [(row[0], row[2]) for row in server.rows(DAYS)] == [("tower", 1_000), ("tower", 300)]
    assert server.rows(MACHINES) == local.rows(MACHINES)
    assert server.rows("SELECT machine FROM freshness") == [("tower",)]
    again = json.loads(program("push", server.url, "--json").stdout)
    assert (again["loads"], again["changes"], again["records"]) == (0, 0, 0)

"""A machine gets another name, and projects and sessions the names that are configured; nothing is counted twice."""

from __future__ import annotations

import json
import shutil
import tomllib
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Place, Program
from tests.faults.documents import save_generation
from tests.faults.harness import Installation
from tests.faults.kills import Stepped
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.dead_loads import kill_before_its_end
from tests.support.disks import mounted, needs_mounts, room_of
from tests.support.exhaustive import some_of

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


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.parametrize("new", some_of(["tower", ODD], 1))
@pytest.mark.exhaustive_at("http")
def test_a_machine_gets_another_name_with_all_its_history(
    program: Program, migrated: Place, claude: ClaudeDir, new: str
) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    claude.say("a", days_ago(3, hour=13), 4_000)
    load = imported(
        program, migrated, claude, CCUSAGE_IMPORT_BUDGET='{"monthly": 100}', CCUSAGE_IMPORT_PLAN='{"monthly": 20}'
    )
    logged = migrated.rows("SELECT count() FROM changes")[0][0]
    command = ("rename", "machine", new, "--warehouse", migrated.url, "--json")

    would = json.loads(program(*command, "--dry-run").stdout)
    assert (would["old"], would["new"], would["records"], would["changes"], would["loads"], would["facts"]) == (
        "laptop", new, 5, logged, 2, 2,
    )  # fmt: skip
    assert [row[0] for row in migrated.rows(MACHINES)] == ["laptop"]
    done = program(*command)
    assert (done.exit_code, json.loads(done.stdout)) == (0, {**would, "is_dry_run": False}), done.stderr

    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [(new, 5_000)]
    assert [(row[0], row[1]) for row in migrated.rows(MACHINES)] == [(new, 5)]
    assert migrated.rows("SELECT machine, last_failed FROM freshness") == [(new, False)]
    assert migrated.rows("SELECT set_by FROM budgets FINAL") == [(new,)]
    assert migrated.rows("SELECT machine, account, monthly_usd = 20 FROM plans FINAL") == [(new, "", True)]
    history = json.loads(program("history", "--warehouse", migrated.url, "--json").stdout)
    assert [(each["machine"], each["runner"] == "rename machine") for each in history] == [
        (new, True), (new, False), (new, False),
    ]  # fmt: skip
    assert "  rename machine  " in program("history", "--warehouse", migrated.url).stdout.splitlines()[1]
    # The old name is nobody's, the installation has the new one: nothing is stored a second time.
    imported(program, migrated, claude)
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [(new, 5_000)]
    assert program("undo", str(load), "--warehouse", migrated.url).exit_code == 0
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [(new, 1_000)]


@needs_mounts
@pytest.mark.one_place
def test_a_renaming_that_cannot_be_written_down_is_finished_by_the_same_command(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    command = ("rename", "machine", "tower", "--warehouse", migrated.url)
    kept = next(program.home.rglob("identity.toml"))
    identity = kept.read_bytes()
    with mounted(kept.parent):
        kept.write_bytes(identity)
        with room_of(kept.parent, 0):
            done = program(*command)
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr == (
            f"ccusage-import: error: {kept}: No space left on device; what is stored has the name 'tower' already\n"
            "hint: free some space on its disk, and run the same command again: it finishes the renaming\n"
        )
        again = program(*command)
        assert (again.exit_code, again.stderr) == (0, "")
        assert again.stdout == "nothing is stored here under another name; this machine is called tower\n"
        imported(program, migrated, claude)
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("tower", 1_000)]


@pytest.mark.one_place
def test_a_name_of_any_signs_is_written_into_the_configuration(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    file = program.home / "own.toml"
    file.write_text('# mine\nmachine = "laptop"\n')
    new = f"{ODD} \N{PERSONAL COMPUTER}"

    imported(program, migrated, claude, "--config", str(file))
    done = program("rename", "machine", new, "--warehouse", migrated.url, "--config", file)

    assert (done.exit_code, done.stderr) == (0, "")
    assert file.read_text("utf-8").startswith("# mine\n")
    assert tomllib.loads(file.read_text("utf-8")) == {"machine": new}


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.one_place
@pytest.mark.parametrize("said", ["laptop", "tower"])
def test_the_old_name_is_replaced_in_the_configuration_though_the_environment_says_another(
    program: Program, migrated: Place, claude: ClaudeDir, said: str
) -> None:
    file = program.home / "own.toml"
    file.write_text('machine = "laptop"\n')
    imported(program, migrated, claude, "--config", str(file))

    command = ("rename", "machine", "tower", "--warehouse", migrated.url, "--config", file)
    assert program(*command, MACHINE_NAME=said).exit_code == 0

    assert tomllib.loads(file.read_text()) == {"machine": "tower"}
    imported(program, migrated, claude, "--config", str(file))
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("tower", 1_000)]


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.one_place
def test_limits_that_are_configured_for_the_old_name_are_told(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    file = program.home / "own.toml"
    file.write_text('machine = "laptop"\n[budget.machines.laptop]\nmonthly = 4\n')
    imported(program, migrated, claude, "--config", str(file))

    done = program("rename", "machine", "tower", "--warehouse", migrated.url, "--config", file)

    assert done.exit_code == 0
    assert done.stderr == (
        f"ccusage-import: warning: budget.machines.laptop ({file}) limits nothing any more:"
        " name it budget.machines.tower\n"
    )


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.exhaustive_at("http")
def test_nothing_is_stored_under_a_name_that_was_given_back(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    assert program("rename", "machine", "tower", "--warehouse", migrated.url).exit_code == 0

    for command in ("status", "history", "report"):
        refused = program(command, "--machine", "laptop", "--warehouse", migrated.url)
        assert (refused.exit_code, refused.stdout) == (2, "")
        error, _ = refused.stderr.splitlines()
        assert error == "ccusage-import: error: machine laptop: nothing is stored under this name"
    by_its_old_name = program("status", "--warehouse", migrated.url, MACHINE_NAME="laptop")
    assert (by_its_old_name.exit_code, by_its_old_name.stderr) == (6, "")
    assert by_its_old_name.stdout.startswith("state         never")


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_machine_gets_its_old_name_back(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    loads = "SELECT machine, count() FROM loads FINAL WHERE state = 'committed' GROUP BY machine"
    for renamed, name in enumerate(("tower", "laptop", "tower", "laptop"), start=1):
        done = program("rename", "machine", name, "--warehouse", migrated.url)
        assert done.exit_code == 0, done.stderr
        assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [(name, 1_000)]
        assert migrated.rows(loads) == [(name, 1 + renamed)]
    claude.say("a", days_ago(3, hour=13), 4_000)
    load = imported(program, migrated, claude)
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("laptop", 5_000)]
    assert program("undo", str(load), "--warehouse", migrated.url).exit_code == 0
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("laptop", 1_000)]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_the_old_name_can_be_that_of_another_installation(
    program: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    other = program.elsewhere(tmp_path / "other")
    imported(program, migrated, claude, "--machine", "laptop")
    assert other("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--machine", "pi").exit_code == 0

    taken = program("rename", "machine", "pi", "--warehouse", migrated.url)
    assert (taken.exit_code, "machine 'pi' is the name of another installation" in taken.stderr) == (2, True)
    assert program("rename", "machine", "tower", "--warehouse", migrated.url).exit_code == 0
    assert other("rename", "machine", "laptop", "--warehouse", migrated.url).exit_code == 0
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("laptop", 1_000), ("tower", 1_000)]


@pytest.mark.one_place
def test_a_failed_import_that_was_to_name_otherwise_says_nothing_of_what_is_stored(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    naming = migrated.rows("SELECT naming FROM loads FINAL")
    with migrated.opened():
        otherwise = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--no-hash-projects")
        assert program(*otherwise, CCUSAGE_IMPORT_LOCK_WAIT_SECONDS="0").exit_code == 4

    assert program("rename", "machine", "tower", "--warehouse", migrated.url).exit_code == 0

    of_tower = "SELECT naming FROM loads FINAL WHERE machine = 'tower' AND"
    assert migrated.rows(f"{of_tower} state = 'failed'") == [("",)]
    assert migrated.rows(f"{of_tower} runner = 'rename machine'") == naming
    imported(program, migrated, claude)


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.one_place
def test_the_refusal_of_another_name_says_how_to_rename(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude, "--machine", "laptop")
    refused = program("import", "--warehouse", migrated.url, "--claude-dir", claude.root, MACHINE_NAME="my tower")
    assert refused.exit_code == 2
    assert "; or rename what is stored: ccusage-import rename machine 'my tower'" in refused.stderr

    assert program("rename", "machine", "my tower", "--warehouse", migrated.url, MACHINE_NAME="my tower").exit_code == 0
    imported(program, migrated, claude, MACHINE_NAME="my tower")
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("my tower", 1_000)]


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.exhaustive_at("http")
def test_where_the_rows_that_renamed_a_machine_are_lost_repair_gives_it_the_new_name_again(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    where = ("--warehouse", migrated.url)
    imported(program, migrated, claude, "--machine", "laptop")
    for name in ("tower", "box"):
        assert program("rename", "machine", name, *where).exit_code == 0
    with migrated.opened() as opened:
        opened.command("DELETE FROM records WHERE load_id > (SELECT min(load_id) FROM records)")
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("laptop", 1_000)]
    assert program("import", *where, "--claude-dir", claude.root).exit_code == 4

    repaired = program("repair", "--accept-loss", *where)

    assert (repaired.exit_code, repaired.stderr) == (0, "")
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("box", 1_000)]
    claude.say("a", days_ago(3, hour=14), 500)
    imported(program, migrated, claude)
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("box", 1_500)]


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.one_place
def test_where_the_rows_that_renamed_a_machine_are_lost_repair_keeps_what_grew_since(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    where = ("--warehouse", migrated.url)
    imported(program, migrated, claude, "--machine", "laptop")
    assert program("rename", "machine", "tower", *where).exit_code == 0
    claude.say("a", days_ago(3, hour=14), 500)
    imported(program, migrated, claude)
    with migrated.opened() as opened:
        opened.command(
            "DELETE FROM records WHERE load_id IN (SELECT load_id FROM loads WHERE runner = 'rename machine')"
        )
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("laptop", 1_000), ("tower", 1_500)]

    repaired = program("repair", "--accept-loss", *where)

    assert (repaired.exit_code, repaired.stderr) == (0, "")
    assert [(row[0], row[2]) for row in migrated.rows(DAYS)] == [("tower", 1_500)]


@pytest.mark.exhaustive
def test_a_renaming_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    home, kept = tmp_path / "home", tmp_path / "kept"
    installation = Installation(home, f"chdb://{home}/warehouse")
    installation.prepare()
    saved = save_generation(tmp_path / "older", 0)
    assert installation.run("import", "--from", saved)[0] == 0
    before = installation.rows("SELECT * EXCEPT (load_id, machine) FROM daily ORDER BY ALL")
    logged = installation.rows("SELECT count() FROM changes")[0][0]
    shutil.copytree(home, kept, symlinks=True)
    stepped = Stepped(installation, "tower", command="rename machine")
    points = stepped.pass_all()
    assert stepped.end()[0] == 0

    writing = [number for number, point in enumerate(points) if point.startswith("before insert")]
    assert len(writing) >= 9
    for number in (*writing, len(points) - 1):
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        point = Stepped(installation, "tower", command="rename machine").kill_at(number)
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


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_server_learns_the_new_name_by_the_next_push(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    imported(program, laptop, claude, "--machine", "laptop", CCUSAGE_IMPORT_SYNC=server.url)
    assert program("rename", "machine", "tower").exit_code == 0
    claude.say("b", days_ago(2), 300)
    imported(program, laptop, claude, CCUSAGE_IMPORT_SYNC=server.url)

    assert [(row[0], row[2]) for row in server.rows(DAYS)] == [("tower", 1_000), ("tower", 300)]
    assert server.rows(MACHINES) == laptop.rows(MACHINES)
    assert server.rows("SELECT machine FROM freshness") == [("tower",)]
    again = json.loads(program("push", server.url, "--json").stdout)
    assert (again["loads"], again["changes"], again["records"]) == (0, 0, 0)


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_server_that_never_knew_the_old_name_does_not_learn_it(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place
) -> None:
    imported(program, laptop, claude, "--machine", "laptop")
    assert program("rename", "machine", "tower").exit_code == 0

    assert program("push", server.url).exit_code == 0

    assert [(row[0], row[2]) for row in server.rows(DAYS)] == [("tower", 1_000)]
    for table in ("machines", "loads", "changes", "records"):
        assert server.rows(f"SELECT DISTINCT machine FROM {table}") == [("tower",)]


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_an_old_name_that_is_another_s_on_the_server_is_left_to_it(
    program: Program, claude: ClaudeDir, server: Place, laptop: Place, tmp_path: Path
) -> None:
    imported(program, laptop, claude, "--machine", "laptop")
    assert program("rename", "machine", "tower").exit_code == 0
    (tmp_path / "other").mkdir()
    other = replace(program, home=tmp_path / "other", environ={**program.environ, "HOME": f"{tmp_path}/other"})
    claude.say("b", days_ago(2), 300)
    imported(other, server, claude, "--machine", "laptop")
    of_other = "SELECT * FROM {} WHERE machine = 'laptop' ORDER BY ALL"
    before = [server.rows(of_other.format(table)) for table in ("machines", "loads", "changes", "records")]

    done = program("push", server.url)

    assert done.exit_code == 0, done.stderr
    assert [(row[0], row[2]) for row in server.rows(DAYS)] == [("laptop", 1_000), ("laptop", 300), ("tower", 1_000)]
    assert [server.rows(of_other.format(table)) for table in ("machines", "loads", "changes", "records")] == before


SESSIONS = "SELECT project, session_id, total_tokens FROM sessions ORDER BY ALL"


def refused(program: Program, place: Place, claude: ClaudeDir, **environ: str) -> str:
    done = program("import", "--warehouse", place.url, "--claude-dir", claude.root, **environ)
    assert (done.exit_code, done.stdout) == (2, "")
    return done.stderr


def test_a_dry_run_counts_what_a_killed_import_published(program: Program, migrated: Place, claude: ClaudeDir) -> None:
    imported(program, migrated, claude)
    kill_before_its_end(program, migrated)
    command = ("rename", "projects", "--warehouse", migrated.url, "--no-hash-projects")

    would, done = program(*command, "--dry-run"), program(*command)

    assert (would.exit_code, would.stdout) == (0, "2 records would be renamed; names would be stored in clear\n")
    assert (done.exit_code, done.stdout) == (0, "2 records are renamed; names are stored in clear\n"), done.stderr


@pytest.mark.exhaustive
@pytest.mark.one_place
def test_names_in_clear_are_refused_where_pseudonyms_are_stored_and_the_other_way_round(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    imported(program, migrated, claude)
    hashed = migrated.rows(SESSIONS)
    first = migrated.rows("SELECT naming FROM loads FINAL")[0][0]
    assert len(str(first)) == 16
    said = refused(program, migrated, claude, CCUSAGE_IMPORT_HASH_PROJECTS="false")
    assert f"are stored by pseudonyms (salt {first}) in " in said
    assert "hint: keep hash_projects and salt as they were, or rename what is stored:" in said
    assert "ccusage-import rename projects --no-hash-projects" in said
    assert migrated.rows(SESSIONS) == hashed

    command = ("rename", "projects", "--warehouse", migrated.url)
    would = program(*command, "--no-hash-projects", "--dry-run")
    assert would.stdout == "2 records would be renamed; names would be stored in clear\n"
    assert migrated.rows(SESSIONS) == hashed
    done = program(*command, "--no-hash-projects")
    assert (done.exit_code, done.stdout) == (0, "2 records are renamed; names are stored in clear\n"), done.stderr
    assert (would.stderr, done.stderr) == (
        "",
        (
            "ccusage-import: warning: hash_projects is still configured as true, so the next import is refused:"
            " ccusage-import config set hash_projects false\n"
        ),
    )
    assert migrated.rows(SESSIONS) == [("-home-ana-shop", "a", 1_000)]
    assert migrated.rows("SELECT project, total_tokens FROM projects_daily") == [("-home-ana-shop", 1_000)]

    # An import with that naming finds all of it again, one with the other is refused.
    imported(program, migrated, claude, "--no-hash-projects")
    last = "SELECT naming, verdicts['session/unchanged'], verdicts['projects/unchanged'] FROM loads FINAL"
    assert migrated.rows(f"{last} ORDER BY load_id DESC LIMIT 1") == [("", 1, 1)]
    assert "are stored in clear in " in refused(program, migrated, claude)
    assert program(*command).exit_code == 0
    imported(program, migrated, claude)
    assert migrated.rows(SESSIONS) == hashed
    # What was loaded before is not taken back over other names.
    load = migrated.rows("SELECT min(load_id) FROM loads")[0][0]
    undone = program("undo", str(load), "--warehouse", migrated.url)
    assert (undone.exit_code, "projects and sessions were renamed by load" in undone.stderr) == (2, True)


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_another_salt_is_refused_and_renamed_as_far_as_the_names_are_known(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    claude.say("gone", days_ago(2), 300, project="-home-ana-old")
    imported(program, migrated, claude)
    said = refused(program, migrated, claude, CCUSAGE_IMPORT_SALT="another")
    assert "rename projects --hash-projects" in said

    names_file = next(program.home.rglob("names.json"))
    names = json.loads(names_file.read_text())
    unknown = [pseudonym for pseudonym, name in names.items() if name in ("gone", "-home-ana-old")]
    names_file.write_text(json.dumps({key: name for key, name in names.items() if key not in unknown}))
    claude.delete("gone", "-home-ana-old")

    done = program("rename", "projects", "--warehouse", migrated.url, CCUSAGE_IMPORT_SALT="another")
    assert done.exit_code == 0
    assert done.stdout.startswith("2 records are renamed; names are stored by pseudonyms (salt ")
    assert (
        done.stderr == f"ccusage-import: warning: 2 names are not known here and stay: {', '.join(sorted(unknown))}\n"
    )
    imported(program, migrated, claude, CCUSAGE_IMPORT_SALT="another")
    assert migrated.rows("SELECT total_tokens FROM sessions ORDER BY 1") == [(300,), (1_000,)]
    assert migrated.rows("SELECT sum(total_tokens) FROM projects_daily") == [(1_300,)]
    # A directory that is called otherwise would be another one, which is missing now.
    read_from = migrated.rows("SELECT data_dirs FROM loads FINAL ORDER BY load_id DESC LIMIT 1")
    assert migrated.rows("SELECT DISTINCT data_dirs FROM records FINAL") == read_from
    shown = program(
        "query", "SELECT project FROM projects_daily WHERE total_tokens = 1000", "--warehouse", migrated.url
    )
    assert "-home-ana-shop" in shown.stdout


TOTALS = (
    "SELECT (SELECT sum(total_tokens) FROM daily), (SELECT sum(total_tokens) FROM monthly),"
    " (SELECT sum(total_tokens) FROM blocks), (SELECT sum(total_tokens) FROM sessions),"
    " (SELECT sum(total_tokens) FROM projects_daily)"
)
WAYS: tuple[tuple[str, dict[str, str]], ...] = (
    ("--no-hash-projects", {}),
    ("--hash-projects", {"CCUSAGE_IMPORT_SALT": "another"}),
)


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.parametrize(("naming", "environ"), some_of(WAYS, 0), ids=("in clear", "another salt"))
@pytest.mark.parametrize("session", some_of(["a", "b"], 0), ids=("grew", "new"))
@pytest.mark.exhaustive_at("http")
def test_what_was_taken_back_stays_so_under_other_names(
    program: Program, migrated: Place, claude: ClaudeDir, session: str, naming: str, environ: dict[str, str]
) -> None:
    imported(program, migrated, claude)
    claude.say(session, days_ago(3, hour=13), 2_000)
    load = imported(program, migrated, claude)
    assert program("undo", str(load), "--warehouse", migrated.url).exit_code == 0
    imported(program, migrated, claude)
    assert migrated.rows(TOTALS) == [(1_000,) * 5]

    renamed = program("rename", "projects", "--warehouse", migrated.url, naming, "--json", **environ)
    assert (renamed.exit_code, json.loads(renamed.stdout)["records"]) == (0, 2), renamed.stderr
    for _ in range(2):
        imported(program, migrated, claude, naming, **environ)
        assert migrated.rows(TOTALS) == [(1_000,) * 5]
    held = json.loads(program("held", "--warehouse", migrated.url, "--json").stdout)
    assert sorted((one["report"], one["reason"]) for one in held) == [
        (report, "taken_back") for report in ("blocks", "daily", "monthly", "projects", "session")
    ]

    # The names that are configured again find it as it was, and what grows past it counts.
    assert program("rename", "projects", "--warehouse", migrated.url).exit_code == 0
    imported(program, migrated, claude)
    assert migrated.rows(TOTALS) == [(1_000,) * 5]
    claude.say(session, days_ago(3, hour=13, minute=5), 500)
    imported(program, migrated, claude)
    assert migrated.rows(TOTALS) == [(3_500,) * 5]
    assert program("rename", "projects", "--warehouse", migrated.url, naming, **environ).exit_code == 0
    imported(program, migrated, claude, naming, **environ)
    assert migrated.rows(TOTALS) == [(3_500,) * 5]


HELD = "SELECT report, stored_tokens, offered_tokens, reason FROM held_records ORDER BY report"
WITHOUT_FACTS = {"CCUSAGE_IMPORT_TRANSCRIPTS": "false"}


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.parametrize(("naming", "environ"), some_of(WAYS, 0), ids=("in clear", "another salt"))
@pytest.mark.exhaustive_at("http")
def test_what_was_held_stays_so_under_other_names(
    program: Program, migrated: Place, claude: ClaudeDir, naming: str, environ: dict[str, str]
) -> None:
    claude.say("a", days_ago(3, hour=13), 500)
    imported(program, migrated, claude, **WITHOUT_FACTS)
    claude.replace("a", '"output_tokens":500', '"output_tokens":200')
    imported(program, migrated, claude, **WITHOUT_FACTS)
    reports = ("blocks", "daily", "hours", "monthly", "projects", "session")
    held = migrated.rows(HELD)
    assert [row[:3] for row in held] == [(report, 1_500, 1_200) for report in reports]
    # In the first days of a month the one before begins where transcripts are deleted already.
    assert {row[3] for row in held if row[0] != "monthly"} == {"unexplained"}

    assert program("rename", "projects", "--warehouse", migrated.url, naming, **environ).exit_code == 0

    assert migrated.rows(HELD) == held
    assert "offered again" not in program("changes", "last", "--warehouse", migrated.url).stdout
    # What is read differently from now on explains no fall from before.
    imported(program, migrated, claude, naming, **WITHOUT_FACTS, CCUSAGE_IMPORT_MODE="calculate", **environ)
    assert migrated.rows(TOTALS) == [(1_500,) * 5]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_correction_that_was_taken_back_stays_so_under_other_names(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    claude.say("a", days_ago(3, hour=13), 2_000)
    imported(program, migrated, claude)
    claude.replace("a", '"output_tokens":2000', '"output_tokens":1500')
    load = imported(program, migrated, claude, "--accept-lower", "2000-01-01..2100-01-01")
    assert migrated.rows(TOTALS) == [(2_500,) * 5]
    assert program("undo", str(load), "--warehouse", migrated.url).exit_code == 0
    assert program("rename", "projects", "--warehouse", migrated.url, "--no-hash-projects").exit_code == 0

    imported(program, migrated, claude, "--no-hash-projects")

    assert migrated.rows(TOTALS) == [(3_000,) * 5]
    logged = "SELECT reason, stored_tokens, offered_tokens FROM changes WHERE key = '-home-ana-shop/a' ORDER BY load_id"
    assert migrated.rows(f"{logged} LIMIT 1") == [("undone", 2_500, 3_000)]


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.one_place
def test_of_a_history_that_does_not_say_how_it_names_what_is_stored_decides(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    imported(program, migrated, claude)
    with migrated.opened() as opened:
        # As an older release wrote it.
        opened.command("ALTER TABLE loads UPDATE naming = NULL WHERE 1 SETTINGS mutations_sync = 2")

    assert "are stored by pseudonyms in " in refused(program, migrated, claude, CCUSAGE_IMPORT_HASH_PROJECTS="false")
    assert "by pseudonyms of another salt" in refused(program, migrated, claude, CCUSAGE_IMPORT_SALT="another")
    imported(program, migrated, claude)
    assert migrated.rows("SELECT sum(total_tokens) FROM sessions") == [(1_000,)]


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.one_place
def test_names_whose_transcripts_are_gone_are_known_under_every_later_naming(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    imported(program, migrated, claude)
    claude.delete("a")
    command = ("rename", "projects", "--warehouse", migrated.url)
    assert program(*command, CCUSAGE_IMPORT_SALT="another").exit_code == 0

    done = program(*command, "--no-hash-projects", CCUSAGE_IMPORT_HASH_PROJECTS="false")

    assert (done.exit_code, done.stderr) == (0, "")
    assert migrated.rows(SESSIONS) == [("-home-ana-shop", "a", 1_000)]


@pytest.mark.usefixtures("engine_stays")
@pytest.mark.parametrize(("first", "second"), some_of([("one", "two"), ("two", "one")], 0))
@pytest.mark.one_place
def test_of_two_records_that_get_one_name_the_larger_one_stays(
    program: Program, migrated: Place, claude: ClaudeDir, first: str, second: str
) -> None:
    imported(program, migrated, claude, CCUSAGE_IMPORT_SALT=first, **WITHOUT_FACTS)
    file = next(program.home.rglob("names.json"))
    names = json.loads(file.read_text())
    file.unlink()
    with migrated.opened() as opened:
        # As an older release wrote it, which nothing tells from another salt where no name is known.
        opened.command("ALTER TABLE loads UPDATE naming = NULL WHERE 1 SETTINGS mutations_sync = 2")
    claude.say("a", days_ago(3, hour=13), 2_000)
    imported(program, migrated, claude, CCUSAGE_IMPORT_SALT=second, **WITHOUT_FACTS)
    assert migrated.rows("SELECT total_tokens FROM sessions ORDER BY 1") == [(1_000,), (3_000,)]
    file.write_text(json.dumps({**names, **json.loads(file.read_text())}))

    renamed = program("rename", "projects", "--warehouse", migrated.url, CCUSAGE_IMPORT_SALT=second)

    assert (renamed.exit_code, renamed.stderr) == (0, "")
    assert migrated.rows("SELECT total_tokens FROM sessions") == [(3_000,)]
    assert migrated.rows("SELECT sum(total_tokens) FROM projects_daily") == [(3_000,)]


@pytest.mark.exhaustive
def test_a_renaming_of_projects_that_is_killed_anywhere_is_finished_by_the_next(tmp_path: Path) -> None:
    home, kept = tmp_path / "home", tmp_path / "kept"
    installation = Installation(home, f"chdb://{home}/warehouse")
    installation.prepare()
    assert installation.run("import", "--from", save_generation(tmp_path / "older", 0))[0] == 0
    sums = "SELECT report, sum(total_tokens) FROM records FINAL GROUP BY report ORDER BY report"
    before = installation.rows(sums)
    shutil.copytree(home, kept, symlinks=True)
    stepped = Stepped(installation, "--no-hash-projects", command="rename projects")
    points = stepped.pass_all()
    assert stepped.end()[0] == 0

    writing = [number for number, point in enumerate(points) if point.startswith("before insert")]
    for number in (*writing[-4:], len(points) - 1):
        shutil.rmtree(home)
        shutil.copytree(kept, home, symlinks=True)
        point = Stepped(installation, "--no-hash-projects", command="rename projects").kill_at(number)
        assert (point, installation.rows(sums)) == (point, before)
        assert installation.run("rename", "projects", "--no-hash-projects")[0] == 0
        assert (point, installation.rows(sums)) == (point, before)
        hashed = "SELECT count() FROM records FINAL WHERE match(project || session_id, '^[0-9a-f]{32}')"
        assert (point, installation.rows(hashed)) == (point, [(0,)])

"""A damaged warehouse speaks: whatever file of it is lost, nobody takes the rest for all there ever was."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.faults.documents import save_generation
from tests.faults.harness import Installation, Lab, embedded_lab
from tests.faults.kills import Stepped, points_of
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.exhaustive import all_but


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Lab:
    return embedded_lab(tmp_path_factory.mktemp("integrity"))


@pytest.fixture
def lab(kept: Lab) -> Lab:
    """A warehouse with a load of each of two machines."""
    kept.restore()
    exit_code, _, stderr = kept.installation.run("import", "--from", kept.newer)
    assert (exit_code, stderr) == (0, "")
    return kept


def parts_of(user: Installation, table: str) -> list[Path]:
    sql = f"SELECT path FROM system.parts WHERE active AND database = currentDatabase() AND table = '{table}'"
    parts = sorted(Path(path) for (path,) in user.rows(sql))
    for older in set(parts[0].parent.glob("all_*")) - set(parts):
        # The engine takes a part that was merged into a damaged one, while it is still there: then nothing is lost.
        shutil.rmtree(older)
    return parts


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def halved(file: Path) -> None:
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])


def flipped(file: Path) -> None:
    data = bytearray(file.read_bytes())
    data[len(data) // 2] ^= 0x5A
    file.write_bytes(data)


def assert_speaks(user: Installation, newer: Path, said: str) -> None:
    """Every command says what is missing, and none of them stores anything."""
    checked = user.run("check")
    assert checked[0] == 6
    assert said in checked[1]
    told = user.run("status", "--json")
    assert (told[0], json.loads(told[1])["state"]) == (6, "damaged")
    for command in (("import", "--from", newer), ("backup", user.home / "copy"), ("undo", "1"), ("accept", "1")):
        exit_code, stdout, stderr = user.run(*command)
        assert (exit_code, stdout) == (4, ""), command
        assert "error: warehouse" in stderr
        assert said in stderr
        assert len(set(stderr.splitlines())) == len(stderr.splitlines())
    asked = user.run("query", "SELECT count() AS n FROM daily", "--format", "csv")
    assert said in asked[2], asked
    assert "warning: warehouse" in asked[2] or asked[0] == 4


def assert_refuses(user: Installation, newer: Path, said: str) -> None:
    exit_code, stdout, stderr = user.run("import", "--from", newer)
    assert (exit_code, stdout) == (4, "")
    assert said in stderr


WAYS: dict[str, tuple[str, Callable[[Path], None]]] = {
    "data truncated": ("data.bin", halved),
    "data gone": ("data.bin", Path.unlink),
    "marks emptied": ("data.cmrk4", emptied),
    "checksums flipped": ("checksums.txt", flipped),
    "columns gone": ("columns.txt", Path.unlink),
    "count emptied": ("count.txt", emptied),
    "primary index truncated": ("primary.cidx", halved),
    "part gone": ("", shutil.rmtree),
}


# The others take as long and are found by the same look.
@pytest.mark.parametrize("way", all_but(["data truncated"], list(WAYS)))
def test_a_damaged_part_of_records_is_named_and_nothing_is_stored_beside_it(lab: Lab, way: str) -> None:
    user = lab.installation
    name, harm = WAYS[way]
    harm(parts_of(user, "records")[0] / name)
    said = " records and " if way == "part gone" else "broken-on-start_all_"

    if way in ("data truncated", "part gone"):
        assert_speaks(user, lab.newer, said)
    else:
        assert_refuses(user, lab.newer, said)

    assert user.rows("SELECT count() FROM loads FINAL") == [(3,)]


@pytest.mark.parametrize("table", ["changes", "loads"])
@pytest.mark.parametrize("way", all_but(["part gone"], ["data gone", "part gone"]))
def test_a_damaged_part_of_another_table_is_named(lab: Lab, table: str, way: str) -> None:
    name, harm = WAYS[way]
    harm(parts_of(lab.installation, table)[-1] / name)

    assert_refuses(lab.installation, lab.newer, f"{table}: ")


def test_a_damaged_part_of_facts_is_named_and_what_is_still_there_is_read_again(kept: Lab, tmp_path: Path) -> None:
    user, claude = replace(kept.installation, url=f"chdb://{tmp_path / 'warehouse'}"), ClaudeDir(tmp_path / "claude")
    for session, day in (("gone", 3), ("there", 2)):
        claude.say(session, days_ago(day), 100)
    command = ("import", "--claude-dir", claude.root)
    assert user.run(*command)[0] == 0
    (part,) = parts_of(user, "message_facts_by_month")
    # Its rows are in another part.
    halved(shutil.copytree(part, part.parent / "detached" / f"broken-on-start_{part.name}") / "data.bin")
    claude.delete("gone")
    assert user.run(*command)[::2] == (0, "")

    halved(parts_of(user, "message_facts_by_month")[0] / "data.bin")

    for refused in (user.run(*command), user.run("repair")):
        assert refused[0] == 4
        assert "message_facts_by_month: the damaged part broken-on-start_all_" in refused[2]
    assert user.run("repair", "--accept-loss")[::2] == (0, "")
    assert user.run(*command)[::2] == (0, "")
    sums = "SELECT (SELECT sum(total_tokens) FROM daily), (SELECT sum(total_tokens) FROM messages)"
    assert user.rows(sums) == [(200, 100)]


@pytest.mark.exhaustive
def test_a_flipped_byte_that_the_engine_does_not_see_when_it_starts(lab: Lab) -> None:
    user = lab.installation
    flipped(parts_of(user, "records")[0] / "data.bin")

    checked, imported = user.run("check"), user.run("import", "--from", lab.newer)

    assert checked[0] == 6
    assert "records: part all_" in checked[1]
    assert imported[0] == 4
    assert "hecksum" in imported[2]
    assert user.rows("SELECT count() FROM loads FINAL WHERE state = 'committed'") == [(3,)]


@pytest.mark.exhaustive
def test_tables_that_are_written_anew_stop_nobody(lab: Lab) -> None:
    user = lab.installation
    emptied(parts_of(user, "schema_migrations")[0] / "data.bin")

    imported = user.run("import", "--from", lab.newer)

    assert (imported[0], imported[2]) == (0, "")
    checked = user.run("check")
    assert "damaged parts are set aside" in checked[1]
    assert user.run("repair", "--accept-loss")[0] == 0
    assert "complete: no stored row is missing" in user.run("check")[1]


def test_the_file_comes_back_and_repair_puts_the_part_back(lab: Lab) -> None:
    user = lab.installation
    before = user.rows("SELECT * FROM daily ORDER BY ALL")
    part = parts_of(user, "records")[0]
    whole = (part / "data.bin").read_bytes()
    halved(part / "data.bin")
    still = user.run("repair")
    assert (still[0], still[1]) == (4, "")
    assert "all_" in still[2]
    aside = user.rows("SELECT path FROM system.detached_parts WHERE database = currentDatabase()")
    (Path(aside[0][0]) / "data.bin").write_bytes(whole)

    repaired = user.run("repair")

    assert (repaired[0], repaired[2]) == (0, "")
    assert repaired[1].splitlines()[0].startswith("put back: records: all_")
    assert user.rows("SELECT * FROM daily ORDER BY ALL") == before
    assert user.run("import", "--from", lab.newer)[0] == 0


def test_the_hint_word_by_word_restores_a_backup(lab: Lab, tmp_path: Path) -> None:
    user = lab.installation
    before = user.rows("SELECT * FROM daily ORDER BY ALL")
    assert user.run("backup", tmp_path / "backup")[0] == 0
    shutil.rmtree(parts_of(user, "records")[0])
    stderr = user.run("import", "--from", lab.newer)[2]
    place = user.home / "warehouse"
    assert f"from a backup: mv {place} {place}.damaged && ccusage-import restore BACKUP" in stderr

    place.rename(f"{place}.damaged")
    assert user.run("restore", tmp_path / "backup")[0] == 0

    assert user.rows("SELECT * FROM daily ORDER BY ALL") == before
    assert user.run("import", "--from", lab.newer)[::2] == (0, "")


@pytest.mark.exhaustive
def test_what_is_left_goes_on_when_a_person_says_so(lab: Lab) -> None:
    user = lab.installation
    halved(parts_of(user, "records")[0] / "data.bin")

    repaired = user.run("repair", "--accept-loss")

    assert (repaired[0], repaired[2]) == (0, "")
    away = next(user.home.glob("warehouse.damaged-*"))
    assert next(path.name for path in (away / "records").iterdir()).startswith("broken-on-start_all_")
    assert user.run("import", "--from", lab.newer)[::2] == (0, "")
    assert "complete: no stored row is missing" in user.run("check")[1]
    warning = "records were lost, and a person chose to go on without them"
    said = f"SELECT count() FROM loads FINAL WHERE has(warnings, '{warning}')"
    assert user.rows(said) != [(0,)]


@pytest.mark.exhaustive
def test_what_a_machine_had_under_an_earlier_name_goes_on_where_the_rows_that_renamed_it_are_lost(lab: Lab) -> None:
    user = lab.installation
    days = "SELECT machine, date, total_tokens FROM daily ORDER BY ALL"
    for name in ("tower", "box"):
        assert user.run("rename", "machine", name)[0] == 0
    before = user.rows(days)
    for part in parts_of(user, "records")[-2:]:
        shutil.rmtree(part)
    assert {machine for machine, *_ in user.rows(days)} == {"desktop", "laptop"}

    repaired = user.run("repair", "--accept-loss")

    assert (repaired[0], repaired[2], repaired[1].splitlines()[0].partition(":")[0]) == (0, "", "box")
    assert user.rows(days) == before
    assert user.run("import", "--from", lab.newer)[::2] == (0, "")
    assert user.rows(days) == before


@pytest.mark.parametrize("way", all_but(["empty"], ["missing", "empty"]))
def test_a_warehouse_that_is_gone_is_not_begun_anew(lab: Lab, way: str) -> None:
    user = lab.installation
    place = user.home / "warehouse"
    place.rename(user.home / "elsewhere")
    if way == "empty":
        place.mkdir()

    for command, exit_code in (
        (("import", "--from", lab.newer), 4),
        (("import", "--dry-run", "--from", lab.newer), 4),
        (("backup", user.home / "copy"), 4),
        (("query", "SELECT 1"), 4),
        (("status",), 6),
        (("check",), 6),
        (("repair",), 4),
        (("migrate",), 4),
    ):
        done = user.run(*command)
        assert done[0] == exit_code, (command, done)
        assert f"warehouse chdb://{place} is gone: it held 3 loads of desktop, laptop" in done[1] + done[2]
    assert not (place / "store").exists()

    assert user.run("repair", "--accept-loss")[0] == 0
    assert user.run("import", "--from", lab.newer)[::2] == (0, "")
    assert user.rows("SELECT DISTINCT machine FROM daily") == [("laptop",)]


def test_a_copied_computer_begins_anew_under_a_name_of_its_own(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(2), 1_000)
    command = ("import", "--claude-dir", claude.root, "--machine")
    assert program(*command, "laptop").exit_code == 0
    # As docs/machines.md says; the copy has all files of the first computer.
    identity = next(program.home.rglob("identity.toml"))
    lines = identity.read_text().splitlines(keepends=True)
    identity.write_text("".join(line for line in lines if not line.startswith(("machine", "installation"))))
    shutil.rmtree(next(program.home.rglob("warehouse")))

    assert "is gone: it held 1 load of laptop\n" in program(*command, "tower").stderr
    assert program("repair", "--accept-loss").exit_code == 0
    assert program(*command, "tower").exit_code == 0
    counted = "SELECT machine, total_tokens, (SELECT sum(total_tokens) FROM messages) FROM daily"
    assert program("query", counted, "--format", "csv").stdout.splitlines()[1:] == ['"tower",1000,1000']


def test_a_warehouse_that_never_held_a_load_may_go(lab: Lab, tmp_path: Path) -> None:
    user, place, claude = lab.installation, tmp_path / "warehouse", tmp_path / "claude"
    (claude / "projects").mkdir(parents=True)
    for _ in range(2):
        done = user.run("import", "--claude-dir", claude, "--warehouse", f"chdb://{place}")
        assert (done[0], done[1], place.is_dir()) == (0, "no usage found; nothing was written\n", True)
        shutil.rmtree(place)


def test_a_load_that_died_after_its_publication_is_no_damage(kept: Lab) -> None:
    point = next(n for n, name in enumerate(points_of(kept)) if re.match(r"after insert\w* records", name))
    kept.restore()
    Stepped(kept.installation, "--from", kept.newer).kill_at(point)

    exit_code, _, stderr = kept.installation.run("import", "--from", kept.newer)

    assert exit_code == 0
    assert "it is now marked as committed" in stderr


@pytest.mark.exhaustive
def test_undo_and_accept_leave_totals_that_hold(lab: Lab, tmp_path: Path) -> None:
    user = lab.installation
    newest = user.rows("SELECT max(load_id) FROM loads WHERE machine = 'laptop'")[0][0]
    assert user.run("undo", str(newest))[0] == 0
    assert user.run("import", "--from", save_generation(tmp_path / "third", 2))[0] == 0
    assert user.run("accept", "2026-03-20")[0] == 0

    assert "complete: no stored row is missing" in user.run("check")[1]
    assert user.run("status")[0] == 0


@pytest.fixture
def unknown(lab: Lab) -> Lab:
    """The same as an older version of this program left it: no file says what the warehouse held."""
    next(lab.installation.home.rglob("warehouses.json")).unlink()
    return lab


def test_without_the_file_the_loads_tell(unknown: Lab) -> None:
    shutil.rmtree(parts_of(unknown.installation, "records")[0])

    exit_code, _, stderr = unknown.installation.run("import", "--from", unknown.newer)

    assert exit_code == 4
    assert "tokens are there" in stderr

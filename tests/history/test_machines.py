"""Whose name a machine's is: one installation loads under it, and under no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ccusage_import.exceptions import MachineTakenError
from ccusage_import.warehouse.machines import claim_machine
from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago

pytestmark = pytest.mark.usefixtures("engine_stays")

TAKEN = "machine 'laptop' is the name of another installation"


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """A Claude data directory with one session."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("a", days_ago(2), 10)
    return claude


@pytest.fixture
def other(program: Program, tmp_path: Path) -> Program:
    """The program in another home, which is another installation."""
    return program.elsewhere(tmp_path / "other")


def owner(place: Place) -> list[tuple[object, ...]]:
    return place.rows("SELECT machine, count(), uniqExact(installation) FROM machines GROUP BY machine")


@pytest.mark.one_place
def test_a_first_try_that_fails_does_not_lock_the_owner_out(
    program: Program, other: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    command = ("import", "--warehouse", migrated.url, "--machine", "laptop", "--claude-dir")
    assert program(*command, claude.root).exit_code == 0

    failed = other(*command, claude.root, "--ccusage", str(tmp_path / "nothing"))
    again = other(*command, claude.root)
    owners = program(*command, claude.root)

    assert failed.exit_code != 0
    assert (again.exit_code, TAKEN in again.stderr) == (2, True)
    assert owners.exit_code == 0, owners.stderr
    assert owner(migrated) == [("laptop", 1, 1)]
    assert migrated.rows("SELECT count() FROM loads FINAL WHERE state = 'failed'") == [(0,)]


def test_of_two_claims_at_a_time_the_earlier_one_owns_the_name(migrated: Place) -> None:
    with migrated.opened() as opened:
        rows = [("laptop", "second", "2026-11-01 10:00:00.000002"), ("laptop", "first", "2026-11-01 10:00:00.000001")]
        for row in rows:
            opened.command(
                "INSERT INTO machines (machine, installation, claimed_at)"
                " VALUES ({machine:String}, {installation:String}, {claimed_at:String})",
                dict(zip(("machine", "installation", "claimed_at"), row, strict=True)),
            )

        claim_machine(opened, "laptop", "first")
        with pytest.raises(MachineTakenError, match=TAKEN):
            claim_machine(opened, "laptop", "second")
        claim_machine(opened, "tower", "second", only_looks=True)

    assert owner(migrated) == [("laptop", 2, 2)]


def test_without_a_claim_the_last_load_that_was_published_owns_the_name(migrated: Place) -> None:
    with migrated.opened() as opened:
        columns = ("load_id", "machine", "installation", "state", "started_at")
        for load_id, installation, state in ((1, "before", "committed"), (2, "owner", "undone"), (3, "it", "failed")):
            opened.command(
                f"INSERT INTO loads ({', '.join(columns)}) VALUES"
                f" ({load_id}, 'laptop', '{installation}', '{state}', '2026-11-01 10:00:00')"
            )

        with pytest.raises(MachineTakenError, match=TAKEN):
            claim_machine(opened, "laptop", "it")
        claim_machine(opened, "laptop", "owner")

    assert owner(migrated) == [("laptop", 1, 1)]


@pytest.mark.one_place
def test_who_takes_over_an_installation_takes_its_name(
    program: Program, other: Program, migrated: Place, claude: ClaudeDir
) -> None:
    command = ("import", "--warehouse", migrated.url, "--machine", "laptop", "--claude-dir", claude.root)
    assert program(*command).exit_code == 0
    refused = other(*command)
    hint = next(line for line in refused.stderr.splitlines() if line.startswith("hint: "))
    installation = hint.partition('installation = "')[2].partition('"')[0]
    identity = next(other.home.rglob("identity.toml"))
    lines = [line for line in identity.read_text().splitlines() if not line.startswith("installation")]
    identity.write_text("\n".join([*lines, f'installation = "{installation}"']) + "\n")
    # Under a salt of its own it would store every session a second time.
    assert "rename projects --hash-projects" in other(*command).stderr
    salt = next(line for line in next(program.home.rglob("identity.toml")).read_text().splitlines() if "salt =" in line)
    lines = [line for line in identity.read_text().splitlines() if not line.startswith("salt")]
    identity.write_text("\n".join([*lines, salt]) + "\n")

    assert other(*command).exit_code == 0
    assert owner(migrated) == [("laptop", 1, 1)]


@pytest.mark.one_place
def test_a_machine_sets_and_removes_its_own_budgets_alone(
    program: Program, other: Program, migrated: Place, claude: ClaudeDir
) -> None:
    command = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--machine")
    budgets = "SELECT set_by, limit_usd = 100, limit_usd = 50 FROM budgets FINAL ORDER BY set_by"
    monthly = "CCUSAGE_IMPORT_BUDGET"
    assert program(*command, "laptop", **{monthly: '{"monthly": 100}'}).exit_code == 0
    assert other(*command, "tower", **{monthly: '{"monthly": 50}'}).exit_code == 0
    assert migrated.rows(budgets) == [("laptop", True, False), ("tower", False, True)]
    assert migrated.rows("SELECT count(), max(limit_usd) = 50 FROM budget_status") == [(1, True)]

    refused = other(*command, "laptop", **{monthly: '{"monthly": 7}'})
    assert refused.exit_code == 2
    assert other(*command, "tower").exit_code == 0
    assert migrated.rows(budgets) == [("laptop", True, False)]


@pytest.mark.one_place
def test_nobody_takes_back_a_load_of_another_installation(
    program: Program, other: Program, migrated: Place, claude: ClaudeDir
) -> None:
    command = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root, "--machine")
    assert program(*command, "laptop").exit_code == 0
    assert other(*command, "tower").exit_code == 0
    load = migrated.rows("SELECT load_id FROM loads FINAL WHERE machine = 'laptop'")[0][0]

    undone = other("undo", str(load), "--warehouse", migrated.url)

    assert (undone.exit_code, TAKEN in undone.stderr) == (2, True)
    assert migrated.rows("SELECT sum(total_tokens) FROM daily WHERE machine = 'laptop'") == [(10,)]


@pytest.mark.one_place
def test_a_second_name_for_one_installation_is_refused_and_the_first_one_kept(
    program: Program, migrated: Place, claude: ClaudeDir
) -> None:
    command = ("import", "--warehouse", migrated.url, "--claude-dir", claude.root)
    assert program(*command, "--machine", "laptop").exit_code == 0
    before = migrated.rows("SELECT machine, sum(total_tokens), count() FROM records GROUP BY machine")

    refused = [
        program(*command, "--machine", "tower"),
        program(*command, MACHINE_NAME="tower"),
        program(*command, "--machine", "tower", "--dry-run"),
    ]

    for done in refused:
        assert done.exit_code == 2
        assert "machine 'tower': this installation has its history in " in done.stderr
        assert (
            "hint: keep the name: --machine laptop, or for good: ccusage-import config set machine laptop"
            in done.stderr
        )
    assert program(*command).exit_code == 0
    assert migrated.rows("SELECT machine, sum(total_tokens), count() FROM records GROUP BY machine") == before
    assert owner(migrated) == [("laptop", 1, 1)]


@pytest.mark.one_place
def test_verify_names_sessions_that_are_counted_on_two_machines(
    program: Program, other: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    command = ("import", "--warehouse", migrated.url, "--no-hash-projects", "--claude-dir")
    copy = ClaudeDir(tmp_path / "copy")
    # The transcript was copied to another host, where the session went on, in a folder of another name.
    copy.say("a", days_ago(2), 10, project="-home-bea-shop")
    copy.say("a", days_ago(1), 30, project="-home-bea-shop")
    copy.say("b", days_ago(1), 500, project="-home-bea-shop")
    assert program(*command, claude.root, "--machine", "laptop").exit_code == 0
    assert other(*command, copy.root, "--machine", "tower").exit_code == 0

    done = program("verify", "--warehouse", migrated.url, "--claude-dir", claude.root, CCUSAGE_IMPORT_HASH_PROJECTS="0")
    assert done.exit_code == 0, done.stderr
    told = [line for line in done.stdout.splitlines() if line.startswith("sessions of one machine: ")]
    assert told == [
        (
            "sessions of one machine: session -home-ana-shop/a: 10 against 40 tokens: counted on tower too:"
            " a copied transcript, or one host under two names"
        )
    ]


@pytest.mark.one_place
def test_a_computer_that_comes_as_another_machine_is_told_that_its_usage_counts_twice(
    program: Program, other: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    claude.say("b", days_ago(3), 1000)
    command = ("import", "--warehouse", migrated.url, "--machine")
    assert "twice" not in program(*command, "laptop", "--claude-dir", claude.root).stderr
    claude.say("a", days_ago(1), 70)

    first, second = (other(*command, "tower", "--claude-dir", claude.root) for _ in range(2))

    assert first.stderr == (
        "ccusage-import: warning: 2 of 3 days are stored for machine 'laptop' too, token for token: if that is this"
        " computer, its usage counts twice now; ccusage-import undo last takes this load back\n"
    )
    assert (first.exit_code, second.exit_code, second.stderr) == (0, 0, "")
    elsewhere = ClaudeDir(tmp_path / "elsewhere")
    elsewhere.say("c", days_ago(2), 10)
    elsewhere.say("d", days_ago(3), 999)
    elsewhere.say("d", days_ago(4), 998)
    third = program.elsewhere(tmp_path / "third")
    assert third(*command, "desk", "--claude-dir", elsewhere.root).stderr == ""


@pytest.mark.one_place
def test_each_command_that_takes_a_machine_shows_that_one_alone(
    program: Program, other: Program, migrated: Place, claude: ClaudeDir, tmp_path: Path
) -> None:
    copy, where = ClaudeDir(tmp_path / "copy"), ("--warehouse", migrated.url)
    for machine, who, of in (("laptop", program, claude), ("tower", other, copy)):
        of.say("old", days_ago(45), 1_000)
        of.say("stays", days_ago(45), 5)
        assert who("import", *where, "--claude-dir", of.root, "--machine", machine).exit_code == 0
        of.delete("old")
        of.say("new", days_ago(1), 7)
        assert who("import", *where, "--claude-dir", of.root).exit_code == 0
    counts = {}
    for command in (("history",), ("changes",), ("changes", "last"), ("held",)):
        found = json.loads(program(*command, "--machine", "tower", *where, "--json").stdout)
        counts[command] = len(found)
        assert {one["machine"] for one in found} == {"tower"}
    assert counts["history",] == 2
    assert counts["changes",] > counts["changes", "last"] > counts["held",] > 0

"""Where the ledger covers a record wholly, its messages decide what becomes of a smaller number, not the window."""

from __future__ import annotations

import json
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path

import pytest

from tests.conftest import Place, Program
from tests.history.test_history_kept import pretending
from tests.importer.test_import import save_reports
from tests.support.claude_dir import ClaudeDir, days_ago

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

# Long before the first day whose transcripts cannot have been swept.
OLD = 45


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """Two old sessions of one day with three messages."""
    claude = ClaudeDir(tmp_path / "claude")
    for session, hour, tokens in (("a", 10, 10), ("a", 11, 20), ("b", 12, 300)):
        claude.say(session, days_ago(OLD, hour), tokens)
    return claude


@pytest.fixture
def run(migrated: Place, program: Program, claude: ClaudeDir) -> Run:
    """An import with the transcripts as they are."""
    return Run(migrated, program, claude)


class Run:
    """Imports, and reads back what became of it."""

    def __init__(self, place: Place, program: Program, claude: ClaudeDir) -> None:
        self.place, self.program, self.claude = place, program, claude

    def __call__(self, *options: str) -> None:
        done = self.program("import", *options, "--warehouse", self.place.url, "--claude-dir", self.claude.root)
        assert (done.exit_code, done.stderr) == (0, "")

    def shown(self, report: str) -> list[int]:
        rows = self.place.rows(f"SELECT total_tokens FROM records FINAL WHERE report = '{report}'")
        return sorted(int(str(tokens)) for (tokens,) in rows)

    def told(self) -> list[tuple[str, str, str]]:
        """Return report, verdict and explanation of the last load, as `changes` tells them."""
        (load,) = self.place.rows("SELECT max(load_id) FROM loads")[0]
        done = self.program("changes", "--json", str(load), "--warehouse", self.place.url)
        return [(change["report"], change["verdict"], change["explanation"]) for change in json.loads(done.stdout)]


def rewrite(claude: ClaudeDir, session: str) -> None:
    """Write a transcript anew as some tools do, with blanks: ccusage overlooks it, though nothing of it is gone."""
    lines = claude.file(session).read_text().splitlines()
    claude.file(session).write_text("".join(json.dumps(json.loads(line)) + "\n" for line in lines))


def test_what_fell_although_all_of_its_messages_are_there_is_corrected(run: Run) -> None:
    run()
    rewrite(run.claude, "b")
    run()

    assert [run.shown(report) for report in ("daily", "monthly", "session", "blocks", "projects")] == [
        [30], [30], [30], [30], [30],
    ]  # fmt: skip
    assert run.told() == [
        ("blocks", "corrected", "3 of 3 messages are still there"),
        ("daily", "corrected", "3 of 3 messages are still there"),
        ("monthly", "corrected", "3 of 3 messages are still there"),
        ("projects", "corrected", "3 of 3 messages are still there"),
        ("session", "corrected", "its only message is still there"),
    ]
    assert run.place.rows("SELECT sum(total_tokens) FROM messages") == [(330,)]


@pytest.mark.one_place
def test_a_month_is_corrected_with_the_first_of_its_days(run: Run, tmp_path: Path) -> None:
    claude = run.claude = ClaudeDir(tmp_path / "of a month")
    for session, day, tokens in (("first", 10, 50), ("later", 20, 7)):
        claude.say(session, days_ago(OLD).replace(day=day), tokens)
    run()
    rewrite(claude, "first")
    run()

    assert [run.shown(report) for report in ("daily", "monthly")] == [[7], [7]]


@pytest.mark.one_place
@pytest.mark.parametrize("read", [["--transcripts-only"], ["--report", "blocks"]])
def test_what_is_gone_is_known_although_later_messages_were_read_since(
    run: Run, tmp_path: Path, ccusage20: Path, read: list[str]
) -> None:
    claude = run.claude = ClaudeDir(tmp_path / "cut")
    claude.say("a", days_ago(1, 10), 9000)
    run()
    claude.delete("a")
    claude.say("a", days_ago(1, 12), 5)
    run(*read)
    # What would explain a fall by itself.
    run("--ccusage", str(pretending(tmp_path, ccusage20, "20.0.25")))

    assert [run.shown(report) for report in ("daily", "monthly", "session", "projects")] == [[9000]] * 4
    assert ("session", "held", "1 message is gone from the transcripts: 9,000 tokens") in run.told()


@pytest.mark.one_place
def test_so_many_sessions_that_fell_that_they_are_not_asked_for_one_by_one_are_corrected(run: Run) -> None:
    fallen = [f"s{number}" for number in range(201)]
    for session in fallen:
        run.claude.say(session, days_ago(OLD, 13), 10)
    run()
    for session in fallen:
        rewrite(run.claude, session)
    run()

    assert [run.shown(report) for report in ("daily", "session", "projects")] == [[330], [30, 300], [330]]


def test_what_lost_messages_is_held_with_how_many_and_how_much(run: Run) -> None:
    run()
    run.claude.delete("a")
    run()

    assert [run.shown(report) for report in ("daily", "session", "blocks", "projects")] == [
        [330], [30, 300], [330], [330],
    ]  # fmt: skip
    assert run.told() == [
        (report, "held", "2 messages are gone from the transcripts: 30 tokens")
        for report in ("blocks", "daily", "monthly", "projects")
    ]
    reasons = run.place.rows("SELECT DISTINCT reason FROM changes WHERE verdict = 'held'")
    assert reasons == [("messages_gone",)]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_sessions_stay_where_a_ccusage_shows_none(run: Run, ccusage18: Path) -> None:
    run()
    old = ("import", "--warehouse", run.place.url, "--claude-dir", run.claude.root, "--ccusage", ccusage18)
    assert run.program(*old).exit_code == 0
    sessions = "SELECT sum(total_tokens), sum(cost_usd) FROM sessions"
    assert run.place.rows(sessions) == [(330, Decimal("0.00495"))]

    run.claude.delete("a")
    run()

    assert run.place.rows(sessions) == [(330, Decimal("0.00495"))]


@pytest.mark.one_place
def test_a_new_day_loses_messages_although_its_window_is_open(run: Run) -> None:
    run.claude.say("new", days_ago(2, 10), 7)
    run.claude.say("new", days_ago(2, 11), 70)
    run()
    lines = run.claude.file("new").read_text().splitlines(keepends=True)
    run.claude.file("new").write_text(lines[1])
    run()

    assert run.shown("daily") == [77, 330]
    assert ("daily", "held", "1 message is gone from the transcripts: 7 tokens") in run.told()


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_day_that_lost_messages_is_not_filed_anew_in_another_zone(run: Run) -> None:
    run.claude.say("new", days_ago(2, 10), 7)
    run.claude.say("new", days_ago(2, 11), 70)
    run("--timezone", "UTC")
    lines = run.claude.file("new").read_text().splitlines(keepends=True)
    run.claude.file("new").write_text(lines[1])
    run("--timezone", "Asia/Tokyo")

    assert run.shown("daily") == [77, 330]
    assert run.place.rows("SELECT offered_tokens, reason FROM held_records WHERE report = 'daily'") == [
        (70, "timezone_changed")
    ]
    run("--timezone", "UTC")
    assert run.shown("daily") == [77, 330]


@pytest.mark.one_place
def test_where_a_message_is_there_but_smaller_the_window_decides(run: Run) -> None:
    run()
    run.claude.replace("b", '"output_tokens":300', '"output_tokens":200')
    run()

    assert run.shown("daily") == [330]
    assert run.place.rows("SELECT DISTINCT reason FROM changes WHERE verdict = 'held'") == [("may_be_swept",)]


@pytest.mark.one_place
def test_without_transcripts_the_window_decides(run: Run) -> None:
    run("--no-transcripts")
    rewrite(run.claude, "b")
    run()

    assert run.shown("daily") == [330]
    day = days_ago(OLD).date()
    daily = [explanation for report, _, explanation in run.told() if report == "daily"]
    assert [words.partition(f" {day}")[0] for words in daily] == ["its transcripts may have been deleted:"]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_fall_is_weighed_once(run: Run) -> None:
    run()
    run.claude.delete("a")
    run()
    (cursor,) = run.program.home.rglob("transcripts.sqlite")
    with closing(sqlite3.connect(cursor)) as opened, opened:
        # Whoever weighs it again finds nothing of it.
        opened.execute("UPDATE messages SET numbers = x''")
    held = run.place.rows("SELECT count() FROM changes WHERE verdict = 'held'")
    run()

    assert run.shown("daily") == [330]
    assert run.place.rows("SELECT count() FROM changes WHERE verdict = 'held'") == held
    with closing(sqlite3.connect(cursor)) as opened, opened:
        weighed = opened.execute('SELECT DISTINCT messages, "left", tokens_gone FROM weighed ORDER BY messages')
        assert weighed.fetchall() == [(2, 0, "30"), (3, 1, "30")]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_messages_that_came_back_are_weighed_anew(run: Run) -> None:
    whole = run.claude.file("b").read_text()
    run()
    run.claude.delete("b")
    run()
    run.claude.file("b").write_text(whole)
    run()
    rewrite(run.claude, "b")
    run()

    assert run.shown("daily") == [30]
    assert ("daily", "corrected", "3 of 3 messages are still there") in run.told()


def test_cheaper_messages_do_not_replace_the_dollars_of_dearer_ones(run: Run) -> None:
    run.claude.say("dear", days_ago(OLD, 13), 10_000, model="claude-opus-4-1-20250805")
    run()
    (before,) = run.place.rows("SELECT sum(cost_usd) FROM daily")[0]
    run.claude.delete("dear")
    run.claude.say("b", days_ago(OLD, 14), 20_000)
    run()

    assert run.place.rows("SELECT sum(cost_usd) FROM daily") == [(before,)]
    assert ("daily", "held", "1 message is gone from the transcripts: 10,000 tokens") in run.told()
    assert run.place.rows("SELECT sum(total_tokens) FROM ledger_daily") == [(30_330,)]


def test_a_duplicate_that_resurfaces_after_its_original_was_swept_is_not_new_usage(run: Run) -> None:
    shutil.copyfile(run.claude.file("a"), run.claude.file("fork"))
    run()
    assert run.shown("session") == [30, 300]
    run.claude.delete("a")
    run()

    assert (run.shown("session"), run.shown("daily")) == ([30, 300], [330])
    assert run.place.rows("SELECT sum(total_tokens), count() FROM messages") == [(330, 3)]
    assert run.place.rows("SELECT sum(total_tokens) FROM ledger_sessions") == [(330,)]
    moved = [told for told in run.told() if told[0] == "session"]
    assert sorted(moved) == [
        ("session", "corrected", "2 of 2 messages are still there"),
        ("session", "new", "first seen"),
    ]


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_an_original_that_comes_back_takes_its_messages_from_the_fork_that_has_others_too(run: Run) -> None:
    original = run.claude.file("a").read_text()
    fork = run.claude.file("fork", "-z")
    fork.parent.mkdir()
    fork.write_text(original)
    run.claude.say("fork", days_ago(OLD, 13), 5, project="-z")
    run()
    run.claude.delete("a")
    run()
    assert (run.shown("session"), run.shown("projects")) == ([35, 300], [35, 300])

    run.claude.file("a").write_text(original)
    run()

    assert (run.shown("session"), run.shown("projects")) == ([5, 30, 300], [5, 330])
    told = [told for told in run.told() if told[:2] != ("projects", "grew")]
    assert sorted(told) == [
        ("projects", "corrected", "3 of 3 messages are still there"),
        ("session", "corrected", "3 of 3 messages are still there"),
        ("session", "new", "first seen"),
    ]
    run.claude.delete("fork", "-z")
    run()
    assert (run.shown("session"), run.shown("projects")) == ([5, 30, 300], [5, 330])


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_an_original_that_grew_after_it_was_forked_and_comes_back_has_its_messages_alone(run: Run) -> None:
    fork = run.claude.file("fork", "-z")
    fork.parent.mkdir()
    shutil.copyfile(run.claude.file("a"), fork)
    run.claude.say("fork", days_ago(OLD, 13), 5, project="-z")
    run()
    run.claude.say("a", days_ago(OLD, 14), 1000)
    run()
    original = run.claude.file("a").read_text()
    run.claude.delete("a")
    run()
    # A message of the original is in no copy, so it stays as it was.
    assert (run.shown("session"), run.shown("projects")) == ([35, 300, 1030], [35, 1330])

    run.claude.file("a").write_text(original)
    run()

    assert (run.shown("session"), run.shown("projects")) == ([5, 300, 1030], [5, 1330])
    assert sorted(told for told in run.told() if told[1] != "unchanged") == [
        ("projects", "corrected", "3 of 3 messages are still there"),
        ("session", "corrected", "3 of 3 messages are still there"),
    ]
    assert run.place.rows("SELECT count() FROM held_records") == [(0,)]
    run.claude.delete("fork", "-z")
    run()
    assert (run.shown("session"), run.shown("projects")) == ([5, 300, 1030], [5, 1330])


@pytest.mark.one_place
def test_a_session_that_goes_on_after_its_beginning_was_swept_is_held_and_whole_in_the_ledger(run: Run) -> None:
    run()
    run.claude.delete("b")
    run.claude.say("b", days_ago(0), 50)
    run()

    assert run.shown("session") == [30, 300]
    assert ("session", "held", "1 message is gone from the transcripts: 300 tokens") in run.told()
    assert run.place.rows(
        "SELECT messages, total_tokens, stored_tokens, token_difference FROM ledger_sessions WHERE stored_tokens = 300"
    ) == [(2, 350, 300, 50)]


@pytest.mark.one_place
def test_a_session_that_goes_on_under_another_project_grows_there(run: Run) -> None:
    run()
    run.claude.delete("b")
    for hour, total in ((10, 50), (11, 100), (12, 150)):
        run.claude.say("b", days_ago(1, hour), 50, project="-store")
        run()
        assert run.shown("session") == sorted([30, 300, total])
        assert [verdict for report, verdict, _ in run.told() if report == "session"] in (["new"], ["grew"])
    assert run.shown("projects") == [150, 330]


@pytest.mark.one_place
@pytest.mark.parametrize("is_of_another", [False, True])
def test_a_dry_run_weighs_too_and_keeps_nothing_of_it(
    run: Run, embedded: Callable[[str], Place], *, is_of_another: bool
) -> None:
    run()
    run.claude.delete("a")
    if is_of_another:
        # From then on it is noted for that warehouse how far transcripts were read.
        Run(embedded("other"), run.program, run.claude)()
    (cursor,) = run.program.home.rglob("transcripts.sqlite")
    before = cursor.read_bytes()
    done = run.program("import", "--json", "--dry-run", "--warehouse", run.place.url, "--claude-dir", run.claude.root)

    assert {change["reason"] for change in json.loads(done.stdout)["held"]} == {"messages_gone"}
    assert cursor.read_bytes() == before


@pytest.mark.one_place
@pytest.mark.parametrize("way", ["fold", "lost"])
def test_verify_explains_what_is_kept_where_the_next_import_reads_all_transcripts_again(run: Run, way: str) -> None:
    run.claude.say("new", days_ago(2), 7)
    run()
    run.claude.delete("new")
    run()
    if way == "fold":
        folded = run.program("compact", "--older-than", "32d", "--warehouse", run.place.url)
        assert "3 messages" in folded.stdout
    else:
        (cursor,) = run.program.home.rglob("transcripts.sqlite")
        cursor.unlink()
    done = run.program("verify", "--json", "--warehouse", run.place.url, "--claude-dir", run.claude.root)

    told = {one["explanation"] for one in json.loads(done.stdout)["differences"]}
    assert (done.exit_code, told) == (0, {"kept: messages are gone from the transcripts"})
    assert len(list(run.program.home.rglob("transcripts.sqlite"))) == (1 if way == "fold" else 0)


@pytest.mark.one_place
def test_verify_compares_messages_with_reports_and_explains_what_differs(run: Run) -> None:
    run.claude.say("new", days_ago(1), 7)
    run()
    rewrite(run.claude, "new")
    run.claude.delete("a")
    run.claude.say("b", days_ago(OLD, 13), 5)
    run()
    run()
    done = run.program("verify", "--json", "--warehouse", run.place.url, "--claude-dir", run.claude.root)

    found = json.loads(done.stdout)
    assert (found["compared"]["messages = daily"], found["compared"]["messages = session"]) == (2, 3)
    told = {
        (one["check"], one["left_tokens"], one["right_tokens"]): one["explanation"]
        for one in found["differences"]
        if one["check"].startswith("messages")
    }
    together = "kept messages and new ones, which ccusage never showed together: transcripts were deleted between"
    copied = "ccusage counts its messages in a copy of the session now, or overlooks lines that were written anew"
    assert told == {
        ("messages = daily", 335, 330): together,
        ("messages = daily", 7, 0): "ccusage overlooks lines that some tool wrote anew",
        ("messages = session", 7, 0): copied,
    }


@pytest.mark.one_place
def test_verify_compares_no_messages_where_transcripts_are_not_read_any_more(run: Run) -> None:
    run.claude.say("c", days_ago(1), 50)
    run()
    run.program.environ["CCUSAGE_IMPORT_TRANSCRIPTS"] = "false"
    run.claude.say("c", days_ago(1), 50)
    run()

    done = run.program("verify", "--warehouse", run.place.url, "--claude-dir", run.claude.root)

    assert done.exit_code == 0, done.stdout


@pytest.mark.one_place
def test_verify_explains_what_was_stored_without_reading_transcripts(run: Run) -> None:
    run.claude.say("c", days_ago(1), 50)
    run()
    verify = ("verify", "--json", "--warehouse", run.place.url, "--claude-dir", run.claude.root)
    run.claude.say("c", days_ago(1, 13), 20)
    run("--no-transcripts")

    done = run.program(*verify)

    found = json.loads(done.stdout)["differences"]
    why = "stored without its messages: the next import that reads transcripts reads them"
    assert done.exit_code == 0
    assert [(one["check"], one["left_tokens"], one["right_tokens"], one["explanation"]) for one in found] == [
        ("messages = daily", 50, 70, why),
        ("messages = session", 50, 70, why),
    ]
    # Messages that are missing though they should have been read are still what nothing explains.
    run()
    run.place.rows("ALTER TABLE message_facts_by_month DELETE WHERE output_tokens = 20 SETTINGS mutations_sync = 1")
    assert run.program(*verify).exit_code == 6


@pytest.mark.one_place
def test_verify_explains_a_day_that_was_stored_alone_without_reading_transcripts(run: Run) -> None:
    run.claude.say("c", days_ago(1), 50)
    run()
    run.claude.say("c", days_ago(1, 13), 20)
    run("--report", "daily", "--no-transcripts")
    verify = ("verify", "--json", "--warehouse", run.place.url, "--claude-dir", run.claude.root)

    done = run.program(*verify)

    found = [one for one in json.loads(done.stdout)["differences"] if one["check"] == "messages = daily"]
    why = "stored without its messages: the next import that reads transcripts reads them"
    assert done.exit_code == 0
    assert [(one["left_tokens"], one["right_tokens"], one["explanation"]) for one in found] == [(50, 70, why)]
    # An import of one report that reads them leaves nothing to explain.
    run("--report", "daily")
    run.place.rows("ALTER TABLE message_facts_by_month DELETE WHERE output_tokens = 20 SETTINGS mutations_sync = 1")
    assert run.program(*verify).exit_code == 6


@pytest.mark.one_place
@pytest.mark.exhaustive
def test_a_project_that_is_renamed_again_and_back_takes_its_days_along(run: Run) -> None:
    run()
    directory = run.claude.file("a").parent
    for name in ("-store", "-market", directory.name):
        directory = directory.rename(directory.with_name(name))
        run()
        assert (run.shown("session"), run.shown("projects")) == ([30, 300], [330])
        assert ("projects", "corrected", "3 of 3 messages are still there") in run.told()
        names = run.place.rows("SELECT project FROM projects_daily WHERE total_tokens > 0")
        assert len(names) == 1
    run.claude.delete("a")
    run()
    assert (run.shown("session"), run.shown("projects")) == ([30, 300], [330])


@pytest.mark.one_place
def test_reports_that_were_saved_before_a_project_was_renamed_leave_it_under_one_name(
    run: Run, tmp_path: Path, ccusage20: Path
) -> None:
    run()
    save_reports(ccusage20, run.claude.root, tmp_path / "saved", ("claude",))
    directory = run.claude.file("a").parent
    directory.rename(directory.with_name("-store"))
    run()
    project = run.place.rows("SELECT project FROM projects_daily")
    saved = ("import", "--from", tmp_path / "saved", "--warehouse", run.place.url)
    assert run.program(*saved).exit_code == 0
    assert run.shown("projects") == [330]
    run()

    assert ("projects", "corrected", "3 of 3 messages are still there") in run.told()
    assert (run.shown("session"), run.shown("projects")) == ([30, 300], [330])
    assert run.place.rows("SELECT project FROM projects_daily") == project


@pytest.mark.one_place
def test_days_are_filed_anew_where_the_data_directory_was_moved_too(
    program: Program, migrated: Place, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    for hour, tokens in ((10, 1000), (22, 50)):
        claude.say("a", days_ago(3, hour), tokens)
    Run(migrated, program, claude)("--timezone", "UTC")
    claude.root.rename(tmp_path / "elsewhere")
    abroad = Run(migrated, program, ClaudeDir(tmp_path / "elsewhere"))
    abroad("--timezone", "Asia/Tokyo")
    assert abroad.shown("daily") == abroad.shown("projects") == [50, 1000]
    assert migrated.rows("SELECT count() FROM held_records") == [(0,)]


@pytest.mark.one_place
def test_a_project_that_is_renamed_takes_days_of_another_zone_along(run: Run) -> None:
    run()
    run("--timezone", "Asia/Tokyo")
    project = run.claude.file("a").parent
    project.rename(project.with_name("-store"))
    run("--timezone", "Asia/Tokyo")

    assert (run.shown("daily"), run.shown("session"), run.shown("projects")) == ([330], [30, 300], [330])
    assert ("projects", "corrected", "3 of 3 messages are still there") in run.told()


@pytest.mark.one_place
def test_a_project_that_takes_the_name_of_one_that_was_deleted_keeps_its_days(
    program: Program, migrated: Place, tmp_path: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    run = Run(migrated, program, claude)
    claude.say("a", days_ago(3), 20)
    claude.say("c", days_ago(3), 1000, project="-store")
    run()
    claude.say("a", days_ago(2), 100_000)
    claude.file("c", "-store").unlink()
    claude.file("a").rename(claude.file("a", "-store"))
    run()
    assert run.shown("projects") == [20, 1000, 100_000]
    assert run.shown("daily") == [1020, 100_000]


@pytest.mark.one_place
def test_an_upgrade_does_not_explain_what_a_session_lost_that_goes_on(
    program: Program, migrated: Place, tmp_path: Path, ccusage20: Path
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    run = Run(migrated, program, claude)
    older = pretending(tmp_path, ccusage20, "20.0.11")
    claude.say("a", days_ago(3, 10), 5000)
    run("--ccusage", str(older))
    claude.delete("a")
    claude.say("b", days_ago(3, 11), 300)
    run()
    for hour in (12, 13):
        claude.say("a", days_ago(3, hour), 20)
        run()
        assert (run.shown("daily"), run.shown("projects"), run.shown("session")) == ([5000], [5000], [300, 5000])


@pytest.mark.one_place
@pytest.mark.parametrize("is_first", [True, False])
@pytest.mark.exhaustive
def test_a_project_that_is_renamed_while_its_directory_is_away_takes_its_days_along(
    run: Run, tmp_path: Path, *, is_first: bool
) -> None:
    disk = ClaudeDir(tmp_path / "disk")
    disk.say("c", days_ago(OLD, 13), 1000, project="-store")
    both = ("import", "--warehouse", run.place.url, "--claude-dir", run.claude.root, "--claude-dir", disk.root)
    project = disk.file("c", "-store").parent
    assert run.program(*both).exit_code == 0
    if not is_first:
        # Its messages stay filed under the name that they were read with.
        project = project.rename(project.with_name("-market"))
        assert run.program(*both).exit_code == 0
    away = disk.root.rename(tmp_path / "away")
    assert run.program(*both).exit_code == 0
    away.rename(disk.root)
    project.rename(project.with_name("-fair"))
    assert run.program(*both).exit_code == 0

    assert (run.shown("session"), run.shown("projects")) == ([30, 300, 1000], [330, 1000])

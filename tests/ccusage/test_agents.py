"""Other agents than Claude Code, from the outside: real ccusage on real data of each, and the database read back."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.ccusage.agents import find_agents, wanted_labels, with_hours
from ccusage_import.ccusage.runner import FetchOptions, Runner, find_runner
from ccusage_import.exceptions import ConfigurationError, ReportFailedError, UnknownAgentError
from ccusage_import.records import REPORTS
from tests.conftest import CORPORA, Place, Program, Result
from tests.support.ccusage_install import install_bun, install_ccusage
from tests.support.claude_dir import ClaudeDir, days_ago

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

AGENTS_OF_20 = (
    "claude", "codex", "opencode", "amp", "droid", "codebuff", "hermes", "pi", "goose", "kilo", "copilot", "gemini",
    "antigravity", "kimi", "qwen", "openclaw", "grok", "zcode",
)  # fmt: skip
BOTH = ("--agent", "claude", "--agent", "codex")
Importer = Callable[..., Result]
Row = tuple[object, ...]

# Typed in from the transcripts: days, input, output, cache creation, cache read, all tokens, dollars, unpriced.
TOTALS_20: dict[str, Row] = {
    "claude": (3, 305, 35, 30, 40, 410, Decimal("0.0056625"), False),
    "codex": (3, 3450, 495, 0, 750, 4695, Decimal("0.01089375"), True),
    "gemini": (1, 3808, 942, 0, 11526, 16276, Decimal("0.0053063"), False),
    "opencode": (2, 1100, 557, 20, 10, 1687, Decimal("0.0305"), False),
}
# 19 knows nothing of gemini and of reasoning in opencode, and takes its cost of 0 for the truth.
TOTALS_19: dict[str, Row] = {
    "claude": TOTALS_20["claude"],
    "codex": TOTALS_20["codex"],
    "opencode": (2, 1100, 550, 20, 10, 1680, Decimal("0.02"), True),
}


@dataclass
class Agents:
    """Data of several agents, and the variables by which ccusage finds it."""

    root: Path
    claude: ClaudeDir = field(init=False)
    environ: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.claude = ClaudeDir(self.root / "claude")
        self.environ["CLAUDE_CONFIG_DIR"] = str(self.claude.root)
        for agent, variable in (
            ("codex", "CODEX_HOME"), ("opencode", "OPENCODE_DATA_DIR"), ("gemini", "GEMINI_DATA_DIR"),
        ):  # fmt: skip
            self.environ[variable] = str(self.root / agent)

    def codex_says(self, session: str, at: datetime, tokens: int) -> Path:
        """Add a session of codex with `tokens` output tokens, and return its file."""
        when = f"{at:%Y-%m-%dT%H:%M:%S.000Z}"
        usage = {"input_tokens": 0, "cached_input_tokens": 0, "output_tokens": tokens, "reasoning_output_tokens": 0,
                 "total_tokens": tokens}  # fmt: skip
        info = {"model": "gpt-5.2-codex", "last_token_usage": usage, "total_token_usage": usage}
        lines = [
            {"timestamp": when, "type": "turn_context", "payload": {"model": "gpt-5.2-codex"}},
            {"timestamp": when, "type": "event_msg", "payload": {"type": "token_count", "info": info}},
        ]
        file = self.root / "codex" / "sessions" / f"{at:%Y/%m/%d}" / f"rollout-{session}.jsonl"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))
        return file


@pytest.fixture
def agents(tmp_path: Path) -> Agents:
    """A copy of the data of Claude Code, codex, opencode and gemini."""
    shutil.copytree(CORPORA / "agents", tmp_path / "agents")
    return Agents(tmp_path / "agents")


@pytest.fixture
def fresh(tmp_path: Path) -> Agents:
    """Data of Claude Code and codex that a test writes itself."""
    return Agents(tmp_path / "agents")


@pytest.fixture
def warehouse(embedded: Callable[[str], Place]) -> Place:
    """An embedded warehouse."""
    return embedded("warehouse")


def importing(program: Program, place: Place, agents: Agents) -> Importer:
    """Imports the data of the agents in UTC."""

    def run(*arguments: str | Path, command: str = "import", **environ: str) -> Result:
        chosen = {"CCUSAGE_IMPORT_TIMEZONE": "UTC", **agents.environ, **environ}
        done = program(command, "--warehouse", place.url, *arguments, **chosen)
        assert "Traceback" not in done.stderr
        return done

    return run


@pytest.fixture
def run_import(program: Program, warehouse: Place, agents: Agents) -> Importer:
    """Imports the copied data."""
    return importing(program, warehouse, agents)


@pytest.fixture
def run_fresh(program: Program, warehouse: Place, fresh: Agents) -> Importer:
    """Imports the data that the test writes."""
    fresh.claude.say("c1", days_ago(1), 1000)
    return importing(program, warehouse, fresh)


def with_19() -> dict[str, str]:
    """Return what runs ccusage 19: it wants Node.js 22, or bun beside an older one."""
    path = os.pathsep.join((str(install_bun()), os.environ["PATH"]))
    return {"PATH": path, "CCUSAGE_IMPORT_CCUSAGE": str(install_ccusage("19.0.3"))}


def totals(place: Place, view: str = "daily") -> dict[str, Row]:
    """Return rows, the four classes, all tokens and cost by agent."""
    rows = place.rows(
        "SELECT agent, count(), sum(input_tokens), sum(output_tokens), sum(cache_creation_tokens),"
        f" sum(cache_read_tokens), sum(total_tokens), sum(cost_usd), max(unpriced) FROM {view} GROUP BY agent"
    )
    return {str(row[0]): row[1:] for row in rows}


def days(place: Place, agent: str, column: str = "total_tokens") -> dict[str, object]:
    """Return a column of the days of an agent."""
    rows = place.rows(f"SELECT date, {column} FROM daily WHERE agent = '{agent}'")
    return {str(row[0]): row[1] for row in rows}


def verdicts(place: Place) -> set[Row]:
    """Return every logged verdict that is not `new`."""
    return set(place.rows("SELECT agent, report, key, verdict, reason FROM changes WHERE verdict != 'new'"))


# --- what is imported ---------------------------------------------------------------------------------


def test_every_agent_is_imported_once(program: Program, migrated: Place, agents: Agents) -> None:
    run_import = importing(program, migrated, agents)
    done = run_import("--agent", "all")

    assert done.exit_code == 0, done.stderr
    assert totals(migrated) == TOTALS_20
    for view in ("monthly", "sessions"):
        assert {agent: row[1:] for agent, row in totals(migrated, view).items()} == {
            agent: row[1:] for agent, row in TOTALS_20.items()
        }, view
    assert migrated.rows("SELECT sum(total_tokens), sum(cost_usd) FROM daily") == [(23068, Decimal("0.05236255"))]
    assert {agent: row[0] for agent, row in totals(migrated, "sessions").items()} == {
        "claude": 1, "codex": 2, "gemini": 1, "opencode": 2,
    }  # fmt: skip
    assert set(totals(migrated, "blocks")) == set(totals(migrated, "projects_daily")) == {"claude"}
    models = {agent: row[4:7] for agent, row in totals(migrated, "model_breakdowns").items()}
    assert models == {agent: row[4:7] for agent, row in TOTALS_20.items()}


def test_19_counts_what_20_counts_of_codex(run_import: Importer, warehouse: Place) -> None:
    done = run_import("--agent", "all", **with_19())

    assert done.exit_code == 0, done.stderr
    assert totals(warehouse) == TOTALS_19


@pytest.mark.exhaustive
def test_amp_and_pi_are_read_the_same_in_19_and_20(run_fresh: Importer, warehouse: Place, fresh: Agents) -> None:
    usage = {"model": "claude-sonnet-4-20250514", "inputTokens": 100, "outputTokens": 50,
             "cacheCreationInputTokens": 20, "cacheReadInputTokens": 10, "credits": 1.5}  # fmt: skip
    event = {"id": "e", "timestamp": "2026-05-13T09:00:00.000Z", "model": usage["model"], "credits": 1.5,
             "tokens": {"input": 100, "output": 50}, "operationType": "inference", "toMessageId": 1}  # fmt: skip
    write(
        fresh.root / "amp" / "threads" / "T-1.json",
        {"id": "T-1", "created": 1778662800000, "usageLedger": {"events": [event]},
         "messages": [{"role": "assistant", "messageId": 1, "usage": usage}]},
    )  # fmt: skip
    spent = {"input": 300, "output": 7, "cacheRead": 0, "cacheWrite": 0, "totalTokens": 307, "cost": {"total": 0.25}}
    message = {"role": "assistant", "model": "gpt-5", "provider": "openai", "usage": spent}
    when = "2026-05-14T09:00:00.000Z"
    write(
        fresh.root / "pi" / "sessions" / "--home-ana-shop--" / "2026-05-14T09-00-00-000Z_pi-1.jsonl",
        {"type": "session", "id": "pi-1", "timestamp": when, "cwd": "/home/ana/shop"},
        {"type": "message", "timestamp": when, "message": message},
    )
    places = {"AMP_DATA_DIR": str(fresh.root / "amp"), "PI_AGENT_DIR": str(fresh.root / "pi" / "sessions")}
    expected = {
        "amp": (1, 100, 50, 20, 10, 180, Decimal("0.001128"), False),
        "pi": (1, 300, 7, 0, 0, 307, Decimal("0.25"), False),
    }
    for version in (with_19(), {}):
        done = run_fresh("--agent", "amp", "--agent", "pi", "--no-hash-projects", **places, **version)
        assert done.exit_code == 0, done.stderr
        assert [totals(warehouse, view) for view in ("daily", "monthly", "sessions")] == [expected] * 3
    sessions = "SELECT agent, project, session_id, toString(date), isNull(first_activity) FROM sessions ORDER BY agent"
    assert warehouse.rows(sessions) == [
        ("amp", "", "T-1", "1970-01-01", 1), ("pi", "--home-ana-shop--", "pi-1", "2026-05-14", 0),
    ]  # fmt: skip


def write(file: Path, *lines: object) -> None:
    """Write compact JSON lines, as ccusage wants them."""
    file.parent.mkdir(parents=True)
    file.write_text("".join(json.dumps(line, separators=(",", ":")) + "\n" for line in lines))


def test_an_upgrade_from_19_to_20_lowers_and_doubles_nothing(program: Program, migrated: Place, agents: Agents) -> None:
    run_import = importing(program, migrated, agents)
    assert run_import("--agent", "all", **with_19()).exit_code == 0

    assert run_import("--agent", "all").exit_code == 0

    assert totals(migrated) == TOTALS_20
    assert migrated.rows(
        "SELECT agent, report, verdict, count() FROM changes WHERE verdict != 'new' GROUP BY ALL ORDER BY ALL"
    ) == [
        ("codex", "monthly", "repriced", 1),
        ("opencode", "daily", "grew", 1),
        ("opencode", "daily", "repriced", 1),
        ("opencode", "monthly", "grew", 1),
        ("opencode", "session", "grew", 1),
        ("opencode", "session", "repriced", 1),
    ]


def test_a_session_that_codex_archived_is_the_one_it_was(program: Program, migrated: Place, agents: Agents) -> None:
    run_import, at = importing(program, migrated, agents), datetime(2026, 5, 16, 9, tzinfo=UTC)
    run_import("--agent", "codex", "--no-hash-projects")
    ids = "SELECT session_id, output_tokens FROM sessions WHERE session_id LIKE '%2026-05-16%' ORDER BY ALL"
    name = "2026-05-16T09-00-00-aaaaaaaa-0000-4000-8000-000000000003"
    file = agents.codex_says(name, at, 100)
    run_import("--agent", "codex", "--no-hash-projects")

    # It went on since the last import; so does the archived one.
    agents.codex_says(name, at, 120)
    archived = agents.root / "codex" / "archived_sessions" / file.name
    archived.parent.mkdir()
    file.rename(archived)
    done = run_import("--agent", "codex", "--no-hash-projects")

    assert done.exit_code == 0, done.stderr
    assert migrated.rows(ids) == [(f"2026/05/16/rollout-{name}", 120)]
    # A copy that is there besides is a session of its own: ccusage counts both.
    file.write_bytes(archived.read_bytes())
    done = run_import("--agent", "codex", "--no-hash-projects")
    assert done.exit_code == 0, done.stderr
    assert migrated.rows(ids) == [(f"2026/05/16/rollout-{name}", 120), (f"rollout-{name}", 120)]


def test_a_second_import_changes_nothing_and_counts_each_report(
    program: Program, migrated: Place, agents: Agents
) -> None:
    run_import = importing(program, migrated, agents)
    run_import("--agent", "all")
    before = migrated.rows("SELECT * FROM records ORDER BY ALL")

    done = run_import("--agent", "codex", "--agent", "claude")

    assert (done.exit_code, migrated.rows("SELECT * FROM records ORDER BY ALL")) == (0, before)
    ((verdicts_of_it, reports),) = migrated.rows(
        "SELECT verdicts, reports FROM loads FINAL ORDER BY load_id DESC LIMIT 1"
    )
    assert verdicts_of_it == {
        "codex daily/unchanged": 3, "codex monthly/unchanged": 1, "codex session/unchanged": 2,
        "daily/unchanged": 3, "monthly/unchanged": 1, "session/unchanged": 1, "blocks/unchanged": 3,
        "projects/unchanged": 3,
    }  # fmt: skip
    assert list(reports) == ["codex daily", "codex monthly", "codex session", *REPORTS]  # type: ignore[call-overload]


def test_only_claude_code_is_imported_unless_others_are_asked_for(run_import: Importer, warehouse: Place) -> None:
    assert run_import().exit_code == 0
    assert totals(warehouse) == {"claude": TOTALS_20["claude"]}


def test_agents_and_reports_can_be_chosen(run_import: Importer, warehouse: Place) -> None:
    done = run_import("--report", "daily", "--report", "blocks", CCUSAGE_IMPORT_AGENTS="codex, opencode")
    assert done.exit_code == 0, done.stderr
    assert totals(warehouse) == {agent: TOTALS_20[agent] for agent in ("codex", "opencode")}
    assert warehouse.rows("SELECT DISTINCT report FROM records") == [("daily",)]


def test_a_machine_without_claude_code_imports_its_agents(
    run_import: Importer, warehouse: Place, agents: Agents
) -> None:
    shutil.rmtree(agents.claude.root)
    done = run_import("--agent", "codex")
    assert done.exit_code == 0, done.stderr
    assert totals(warehouse) == {"codex": TOTALS_20["codex"]}


def test_the_summary_says_which_agents_have_no_usage(run_import: Importer) -> None:
    assert run_import("--agent", "codex").exit_code == 0

    done = run_import("--agent", "kimi", "--agent", "goose")

    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.splitlines()[1:3] == ["", "no usage of goose, kimi found"]
    assert "report " not in done.stdout


@pytest.mark.exhaustive
def test_the_summary_names_agents_and_leaves_out_those_without_usage(run_import: Importer) -> None:
    done = run_import("--agent", "all")
    lines = [" ".join(line.split()) for line in done.stdout.splitlines()]
    assert [line.split()[:3] for line in lines if line.startswith(("codex ", "opencode ", "amp ", "kimi "))] == [
        ["codex", "daily", "3"], ["codex", "monthly", "1"], ["codex", "session", "2"],
        ["opencode", "daily", "2"], ["opencode", "monthly", "1"], ["opencode", "session", "2"],
        ["opencode", "$0.03", "58.2%"], ["codex", "$0.01", "20.8%"],
    ]  # fmt: skip
    assert "tokens 23,068 +23,068" in lines
    document = json.loads(run_import("--agent", "all", "--json").stdout)
    assert document["reports"]["codex session"]["unchanged"] == 2
    assert document["reports"]["amp daily"]["offered"] == 0
    assert [(share["name"], share["total_tokens"]) for share in document["top_agents"]] == [
        ("opencode", 1687), ("codex", 4695), ("claude", 410), ("gemini", 16276),
    ]  # fmt: skip


@pytest.mark.exhaustive
def test_the_models_of_each_agent(run_import: Importer, warehouse: Place) -> None:
    run_import("--agent", "all", "--no-hash-projects")
    assert set(warehouse.rows("SELECT agent, date, model, total_tokens, cost_usd, unpriced FROM model_breakdowns")) >= {
        ("codex", days_of(13), "gpt-5.2-codex", 1125, Decimal("0.00310625"), False),
        ("codex", days_of(14), "gpt-5.3-codex", 2800, Decimal("0.0077875"), False),
        ("codex", days_of(15), "gpt-unknown-99", 770, Decimal(0), True),
        ("gemini", days_of(13), "gemini-3-flash-preview", 16276, Decimal("0.0053063"), False),
        ("opencode", days_of(13), "claude-sonnet-4-20250514", 187, Decimal("0.02"), False),
    }
    assert warehouse.rows(
        "SELECT session_id, models.model, models.cost_usd FROM sessions WHERE total_tokens = 3925"
    ) == [
        (
            "2026/05/13/rollout-2026-05-13T09-00-00-aaaaaaaa-0000-4000-8000-000000000001",
            ["gpt-5.2-codex + gpt-5.3-codex", "gpt-5.2-codex", "gpt-5.3-codex"],
            [Decimal("0.01089375"), Decimal(0), Decimal(0)],
        )
    ]


def days_of(day: int) -> object:
    """Return a day of May 2026."""
    return datetime(2026, 5, day).date()  # noqa: DTZ001 - a day has no zone


@pytest.mark.exhaustive
def test_a_session_without_a_time_lies_in_no_window(run_import: Importer, warehouse: Place) -> None:
    run_import("--agent", "all", "--since", "2026-05-01")
    assert set(totals(warehouse, "sessions")) == {"claude", "codex"}
    assert totals(warehouse) == TOTALS_20
    run_import("--agent", "all")
    assert warehouse.rows("SELECT agent, toString(date), last_activity FROM sessions WHERE agent = 'gemini'") == [
        ("gemini", "1970-01-01", None)
    ]


@pytest.mark.exhaustive
def test_verify_compares_each_agent_with_itself(run_import: Importer) -> None:
    run_import("--agent", "all")
    done = run_import("--json", command="verify", CCUSAGE_IMPORT_AGENTS="all")
    assert done.exit_code == 0, done.stdout
    assert json.loads(done.stdout) == {
        "compared": {
            "sessions of one machine": 0,
            "stored = offered": 25, "messages = daily": 3, "messages = session": 1,
            "models = row": 22, "projects = daily": 3, "daily = monthly": 4,
            "sessions = daily": 4, "blocks = daily": 1,
        },
        "unexplained": 0,
        "differences": [],
    }  # fmt: skip


# --- what fails alone ---------------------------------------------------------------------------------


def test_an_agent_that_does_not_exist_is_named_with_those_that_do(run_import: Importer, warehouse: Place) -> None:
    done = run_import("--agent", "codex", "--agent", "cursor")
    assert done.exit_code == 5
    assert [line for line in done.stderr.splitlines() if "warning" not in line] == [
        "ccusage-import: error: agent 'cursor': ccusage 20.0.24 has reports of " + ", ".join(AGENTS_OF_20) + " only",
        "hint: correct `agents` or --agent",
    ]
    assert totals(warehouse) == {"codex": TOTALS_20["codex"]}
    assert warehouse.rows("SELECT failed_reports, error FROM loads FINAL") == [
        (
            ["cursor daily", "cursor monthly", "cursor session"],
            "; ".join(
                f"cursor {report}: The ccusage that was found has no reports of an agent"
                for report in ("daily", "monthly", "session")
            ),
        )
    ]


def test_a_mistyped_agent_is_told_the_nearest(run_import: Importer, warehouse: Place) -> None:
    done = run_import("--agent", "gemni")
    assert done.exit_code == 3
    assert f"has reports of {', '.join(AGENTS_OF_20)} only; nearest: gemini\nhint: correct `agents`" in done.stderr
    assert totals(warehouse) == {}


@pytest.mark.exhaustive
def test_ccusage_18_knows_claude_code_alone(run_import: Importer, warehouse: Place, ccusage18: Path) -> None:
    done = run_import("--agent", "claude", "--agent", "codex", "--ccusage", ccusage18)
    assert done.exit_code == 5
    assert (
        "error: agent 'codex': ccusage 18.0.11 has reports of claude only\n"
        'hint: correct `agents` or --agent, or set `ccusage_version = "20.0.24"`,'
        " or run `npm install -g ccusage@20.0.24`\n"
    ) in done.stderr
    assert totals(warehouse) == {"claude": TOTALS_20["claude"]}
    assert run_import("--agent", "all", "--ccusage", ccusage18).exit_code == 0


def test_claude_code_without_a_directory_does_not_stop_the_others(
    run_import: Importer, warehouse: Place, agents: Agents
) -> None:
    shutil.rmtree(agents.claude.root)
    done = run_import("--agent", "all")
    assert done.exit_code == 5
    assert [line for line in done.stderr.splitlines() if "warning" not in line] == [
        f"ccusage-import: error: no Claude data directory: no folder `projects` in {agents.claude.root}",
        "hint: use Claude Code once, or name its directory: --claude-dir DIR, or leave claude out of `agents`",
    ]
    assert list(warehouse.rows("SELECT failed_reports FROM loads FINAL")[0]) == [list(REPORTS)]
    assert totals(warehouse) == {agent: row for agent, row in TOTALS_20.items() if agent != "claude"}


def test_a_report_that_no_agent_has_is_refused(run_import: Importer) -> None:
    done = run_import("--agent", "codex", "--report", "blocks")
    assert done.exit_code == 2
    assert done.stderr == (
        "ccusage-import: error: there is no report blocks of codex\n"
        "hint: ask for daily, monthly, session, or for the agent claude\n"
    )


@pytest.mark.parametrize("value", ["Codex", "codex daily", "--help", "../codex"])
def test_what_is_no_name_of_an_agent_is_refused(program: Program, value: str) -> None:
    done = program("import", CCUSAGE_IMPORT_AGENTS=value)
    assert done.exit_code == 2
    assert "agents.0 (environment): Input should be the name of an agent in small letters" in done.stderr


# --- what is kept -------------------------------------------------------------------------------------


def test_deleted_sessions_of_an_agent_lower_nothing(run_fresh: Importer, warehouse: Place, fresh: Agents) -> None:
    gone = fresh.codex_says("a", days_ago(2), 1000)
    fresh.codex_says("b", days_ago(2, hour=14), 500)
    run_fresh(*BOTH)
    gone.unlink()

    done = run_fresh(*BOTH)

    assert done.exit_code == 0
    day = f"{days_ago(2):%Y-%m-%d}"
    assert days(warehouse, "codex") == {day: 1500}
    assert ("codex", "daily", day, "held", "may_be_swept") in verdicts(warehouse)
    assert f"codex daily {day}: " in done.stdout
    assert "its transcripts may have been deleted: nobody knows how long codex keeps them" in done.stdout


def test_a_day_of_an_agent_whose_session_was_never_stored_outlasts_another_zone(
    run_fresh: Importer, warehouse: Place, fresh: Agents
) -> None:
    gone = fresh.codex_says("a", days_ago(9), 1000)
    run_fresh(*BOTH, "--report", "daily")
    gone.unlink()
    fresh.codex_says("b", days_ago(2), 5000)
    run_fresh(*BOTH)

    run_fresh(*BOTH, CCUSAGE_IMPORT_TIMEZONE="Asia/Tokyo")

    assert days(warehouse, "codex") == {f"{days_ago(9):%Y-%m-%d}": 1000, f"{days_ago(2):%Y-%m-%d}": 5000}


@pytest.mark.exhaustive
def test_a_held_fall_of_an_agent_is_accepted_by_its_name(
    run_fresh: Importer, warehouse: Place, fresh: Agents, program: Program
) -> None:
    gone = fresh.codex_says("a", days_ago(2), 1000)
    fresh.codex_says("b", days_ago(2, hour=14), 500)
    fresh.claude.say("c2", days_ago(2), 70)
    run_fresh(*BOTH)
    gone.unlink()
    run_fresh(*BOTH)
    day = f"{days_ago(2):%Y-%m-%d}"

    done = program("accept", f"codex daily/{day}", "--warehouse", warehouse.url)

    assert done.exit_code == 0, done.stderr
    assert days(warehouse, "codex") == {day: 500}
    assert days(warehouse, "claude")[day] == 70
    assert warehouse.rows("SELECT verdicts, reports FROM loads FINAL ORDER BY load_id DESC LIMIT 1") == [
        ({"codex daily/corrected": 1}, ["codex daily"])
    ]


@pytest.mark.exhaustive
def test_an_agent_that_shows_nothing_any_more_is_doubted_alone(
    run_fresh: Importer, warehouse: Place, fresh: Agents
) -> None:
    fresh.codex_says("a", days_ago(2), 1000)
    run_fresh(*BOTH)
    (fresh.root / "codex").rename(fresh.root / "elsewhere")

    done = run_fresh(*BOTH)

    assert done.exit_code == 5
    since = f"{days_ago(29):%Y-%m-%d}"
    for report in ("daily", "session"):
        assert f"error: codex {report}: ccusage shows no usage, yet 1 record since {since} is stored" in done.stderr
    assert "hint: they stay; check where codex keeps it\n" in done.stderr
    assert days(warehouse, "codex") == {f"{days_ago(2):%Y-%m-%d}": 1000}
    assert warehouse.rows("SELECT has(failed_reports, 'daily') FROM loads FINAL ORDER BY load_id DESC LIMIT 1") == [
        (False,)
    ]


def test_an_agent_that_has_not_been_used_for_a_month_is_not_doubted(
    run_fresh: Importer, warehouse: Place, fresh: Agents
) -> None:
    fresh.codex_says("a", days_ago(40), 1000)
    run_fresh(*BOTH)
    shutil.rmtree(fresh.root / "codex")
    assert run_fresh(*BOTH).exit_code == 0
    assert days(warehouse, "codex") == {f"{days_ago(40):%Y-%m-%d}": 1000}


@pytest.mark.parametrize(("is_there", "day"), [(True, 2), (False, 3)])
def test_a_new_time_zone_neither_lowers_nor_bars_an_agent(
    run_fresh: Importer, warehouse: Place, fresh: Agents, day: int, *, is_there: bool
) -> None:
    late = fresh.codex_says("a", days_ago(3, hour=23, minute=30), 1000)
    run_fresh(*BOTH)
    fresh.codex_says("b", days_ago(1), 50)
    if not is_there:
        late.unlink()

    done = run_fresh(*BOTH, CCUSAGE_IMPORT_TIMEZONE="Asia/Tokyo")

    assert done.exit_code == 0
    assert days(warehouse, "codex") == {f"{days_ago(day):%Y-%m-%d}": 1000, f"{days_ago(1):%Y-%m-%d}": 50}


@pytest.mark.exhaustive
def test_a_claude_directory_that_changes_says_nothing_of_other_agents(run_import: Importer, warehouse: Place) -> None:
    run_import("--agent", "all")
    assert warehouse.rows("SELECT agent, length(data_dirs) FROM records GROUP BY ALL ORDER BY agent") == [
        ("claude", 1), ("codex", 0), ("gemini", 0), ("opencode", 0),
    ]  # fmt: skip


# --- saved files --------------------------------------------------------------------------------------


def test_saved_reports_of_agents_are_imported(run_import: Importer, warehouse: Place, tmp_path: Path) -> None:
    saved = saved_reports(tmp_path)
    assert run_import("--from", saved).exit_code == 3
    assert run_import("--from", saved, "--agent", "codex").exit_code == 0
    assert totals(warehouse) == {"codex": TOTALS_20["codex"]}
    assert run_import("--from", saved, "--agent", "all").exit_code == 0
    assert totals(warehouse) == {agent: TOTALS_20[agent] for agent in ("codex", "gemini", "opencode")}


def saved_reports(tmp_path: Path) -> Path:
    """Return a folder with what ccusage 20 printed for three agents."""
    saved = tmp_path / "saved"
    saved.mkdir()
    for file in (Path(__file__).parent.parent / "recorded" / "20.0.24").glob("agents-*-daily.json"):
        name = file.name.removeprefix("agents-")
        if name.split("-")[0] in ("codex", "gemini", "opencode") and "empty" not in name:
            shutil.copy(file, saved / name)
    return saved


def test_saved_reports_of_all_agents_and_of_one_are_not_added_up(
    run_import: Importer, warehouse: Place, tmp_path: Path
) -> None:
    saved = saved_reports(tmp_path)
    shutil.copy(Path(__file__).parent.parent / "recorded/20.0.24/agents-all-daily-by-agent.json", saved / "daily.json")

    done = run_import("--from", saved, "--agent", "claude", "--agent", "codex")

    assert done.exit_code == 5
    assert "codex daily: 3 values cannot be true\n  2026-05-13: is in another report too\n" in done.stderr
    assert totals(warehouse) == TOTALS_20


@pytest.mark.exhaustive
def test_kept_reports_of_agents_are_replayed_whatever_the_settings(
    run_import: Importer, warehouse: Place, tmp_path: Path, program: Program
) -> None:
    run_import("--agent", "all", CCUSAGE_IMPORT_KEEP_RAW="true")
    program("raw", "export", tmp_path / "kept", "--warehouse", warehouse.url)
    (load,) = (tmp_path / "kept").iterdir()
    assert {"codex-daily.json", "opencode-session.json", "daily.json"} <= {file.name for file in load.iterdir()}

    done = program("import", "--from", tmp_path / "kept", "--warehouse", f"chdb://{tmp_path}/again")

    assert done.exit_code == 0, done.stderr
    assert totals(Place(f"chdb://{tmp_path}/again")) == TOTALS_20


# --- which agents there are ---------------------------------------------------------------------------


def found(tmp_path: Path, command: Path, *wanted: str, path: str = "") -> dict[str, object]:
    environ = {"PATH": os.pathsep.join(filter(None, (path, os.environ["PATH"]))), "HOME": str(tmp_path)}
    (tmp_path / "claude" / "projects").mkdir(parents=True, exist_ok=True)
    options = FetchOptions(
        state_dir=tmp_path / "state", command=(str(command),), claude_dirs=(tmp_path / "claude",), timeout_seconds=60
    )
    return {**find_agents(wanted, find_runner(options, environ), options, environ)}


def test_all_agents_of_19(tmp_path: Path) -> None:
    names = found(tmp_path, install_ccusage("19.0.3"), "all", path=str(install_bun()))
    assert names == dict.fromkeys(("claude", "codex", "opencode", "amp", "pi"))


def test_all_agents_of_20(tmp_path: Path, ccusage20: Path) -> None:
    names = found(tmp_path, ccusage20, "codex", "all")
    assert set(names) == set(AGENTS_OF_20)
    assert list(names)[:3] == ["codex", "claude", "opencode"]
    assert set(names.values()) == {None}


def test_all_agents_of_18_is_claude_code(tmp_path: Path, ccusage18: Path) -> None:
    assert found(tmp_path, ccusage18, "all") == {"claude": None}


def test_help_that_lists_no_agents_leaves_claude_code_alone(tmp_path: Path) -> None:
    script = tmp_path / "ccusage"
    script.write_text("#!/bin/sh\necho nothing of the kind\n")
    script.chmod(0o755)
    runner = Runner((str(script),), "20.9.9", "command")
    agents = find_agents(("claude", "codex"), runner, FetchOptions(state_dir=tmp_path / "state"), dict(os.environ))
    assert agents["claude"] is None
    assert isinstance(agents["codex"], UnknownAgentError)
    assert str(agents["codex"]).startswith("`ccusage --help` of 20.9.9 lists no agents: ")


def test_help_is_not_asked_for_where_claude_code_is_all_that_is_wanted(tmp_path: Path) -> None:
    runner = Runner(("/does/not/exist",), "20.0.24", "command")
    options = FetchOptions(state_dir=tmp_path / "state")
    assert find_agents(("claude",), runner, options, {}) == {"claude": None}
    assert not isinstance(find_agents(("claude", "pi"), runner, options, {})["pi"], ReportFailedError | type(None))


def test_hours_are_asked_for_with_all_reports_and_by_name() -> None:
    every = ("daily", "monthly", "session", "blocks", "projects")
    assert with_hours(every) == (*every, "hours")
    assert with_hours(("blocks",)) == ("blocks",)
    assert wanted_labels(["codex", "claude"], ["blocks", "hours"]) == ["blocks", "hours"]


def test_labels() -> None:
    assert wanted_labels(["codex", "claude"], ["daily", "blocks"]) == ["codex daily", "daily", "blocks"]
    with pytest.raises(ConfigurationError):
        wanted_labels(["codex"], ["projects"])

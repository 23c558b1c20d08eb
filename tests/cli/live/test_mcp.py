"""Questions over the Model Context Protocol, asked by the SDK's own client of the real program over real pipes."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from tests.conftest import Program, program_in
from tests.support.ccusage_install import install
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.exhaustive import some_of

if TYPE_CHECKING:
    from mcp import Client

INSPECTOR_VERSION = "0.15.0"
PROJECT = "-home-ana-shop"
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "test", "version": "1"}},
}


# The engine ends it after 20 s.
ENDLESS = "SELECT count() FROM numbers(1e13) WHERE NOT ignore(sipHash64(number))"


class Asked:
    """A session of a client with a server."""

    def __init__(self, client: Client) -> None:
        self.client = client

    async def text(self, tool: str, arguments: dict[str, Any], *, fails: bool = False) -> str:
        """Return what a tool answers."""
        result = await self.client.call_tool(tool, arguments)
        [content] = result.content
        assert content.type == "text"
        assert result.is_error is fails, content.text
        return content.text

    async def answer(self, tool: str, **arguments: object) -> Any:
        """Return what a tool answers, as JSON."""
        return json.loads(await self.text(tool, arguments))


def asking(program: Program, questions: Callable[[Asked], Awaitable[None]], *options: str) -> None:
    """Let a client ask a server that it starts."""
    # It takes a second, which every worker would spend on collecting.
    from mcp import Client, StdioServerParameters

    async def session() -> None:
        argv = ["-m", "ccusage_import", "mcp", *options]
        started = StdioServerParameters(command=sys.executable, args=argv, env=program.environ, cwd=program.home)
        async with Client(started) as client:
            await questions(Asked(client))

    anyio.run(session)


@pytest.fixture(scope="module")
def home_of_used(tmp_path_factory: pytest.TempPathFactory, ccusage20: Path) -> Path:
    """A home with a warehouse and transcripts, to be copied."""
    home = tmp_path_factory.mktemp("used")
    claude = ClaudeDir(home / ".claude")
    claude.say("old", days_ago(10), 100_000)
    claude.say("now", datetime.now(UTC), 20_000)
    assert hiding(program_in(home, ccusage20))("import").exit_code == 0
    return home


@pytest.fixture
def used(program: Program, home_of_used: Path) -> Program:
    """A machine that used $1.50 ten days ago and $0.30 today, and hides names."""
    shutil.copytree(home_of_used, program.home, symlinks=True, dirs_exist_ok=True)
    return hiding(program)


def hiding(program: Program) -> Program:
    program.environ |= {"CCUSAGE_IMPORT_MACHINE": "laptop", "CCUSAGE_IMPORT_HASH_PROJECTS": "true"}
    return program


def test_a_client_asks_in_every_way(used: Program) -> None:
    async def questions(asked: Asked) -> None:
        tools = (await asked.client.list_tools()).tools
        assert [tool.name for tool in tools] == [
            "digest", "forecast", "predict", "quota", "list_queries", "run_query", "list_views", "describe_view",
            "run_sql",
        ]  # fmt: skip
        assert all(tool.annotations and tool.annotations.read_only_hint for tool in tools)
        views = (await asked.answer("list_views"))["views"]
        assert {
            "name": "cost_anomalies",
            "comment": "one row is one day with usage of one agent on one machine",
        } in views
        columns = (await asked.answer("describe_view", view="daily"))["columns"]
        assert {"name": "date", "type": "Date"}.items() <= columns[2].items()
        [first, *_] = (await asked.answer("list_queries", group="forecast"))["queries"]
        assert first["name"] == "forecast_by_day"
        assert first["parameters"][0]["name"] == "machine"
        answer = await asked.answer("run_query", name="cost_by_day", parameters={"since": "30d"})
        assert answer["columns"] == ["date", "cost_usd", "total_tokens", "unpriced"]
        assert answer["rows"] == [
            [str(datetime.now(UTC).date()), "0.3", "20000", "false"],
            [str(days_ago(10).date()), "1.5", "100000", "false"],
        ]
        for seven in ("7", 7):
            shown = await asked.answer("run_sql", sql="SELECT {n:UInt8} AS n, NULL AS none", parameters={"n": seven})
            assert shown == {"columns": ["n", "none"], "rows": [["7", None]]}

    asking(used, questions)


@pytest.mark.exhaustive
def test_digest_and_forecast_say_what_the_month_is_like(used: Program) -> None:
    for setting in (("budget.daily", "1"), ("quota.week_usd", "3")):
        assert used("config", "set", *setting).exit_code == 0

    async def questions(asked: Asked) -> None:
        digest = await asked.answer("digest")
        assert digest["today"] == str(datetime.now(UTC).date())
        assert digest["spans"][0]["name"] == "today"
        assert digest["spans"][0]["usage"]["cost_usd"] == "0.300000000"
        [budget] = digest["budgets"]
        assert (budget["period"], float(budget["limit_usd"]), float(budget["spent_usd"])) == ("daily", 1, 0.3)
        assert (digest["held_count"], digest["held"]) == (0, [])
        [machine] = digest["machines"]
        assert (machine["machine"], machine["last_state"]) == ("laptop", "committed")
        forecast = await asked.answer("forecast", machine="laptop")
        assert forecast["columns"][:4] == ["month", "days_left", "month_to_date_usd", "forecast_usd"]
        assert len(forecast["rows"]) == 1
        [quota] = (await asked.answer("quota"))["quotas"]
        assert (quota["name"], round(quota["share"], 6), quota["is_over"]) == ("week_usd", 0.1, False)

    asking(used, questions)


@pytest.mark.exhaustive
def test_names_are_shown_and_taken_as_query_does_on_this_machine(used: Program) -> None:
    [names_file] = used.home.rglob("names.json")

    async def in_clear(asked: Asked) -> None:
        answer = await asked.answer("run_sql", sql="SELECT DISTINCT project FROM projects_daily")
        assert answer["rows"] == [[PROJECT]]
        days = await asked.answer("run_query", name="project_days", parameters={"project": PROJECT, "since": "30d"})
        assert len(days["rows"]) == 2

    async def elsewhere(asked: Asked) -> None:
        [[project]] = (await asked.answer("run_sql", sql="SELECT DISTINCT project FROM projects_daily"))["rows"]
        assert len(project) == 32

    asking(used, in_clear)
    names_file.unlink()
    asking(used, elsewhere)


@pytest.mark.exhaustive
def test_answers_are_cut_and_say_so(used: Program) -> None:
    async def questions(asked: Asked) -> None:
        many = await asked.answer("run_sql", sql="SELECT number FROM system.numbers")
        assert (len(many["rows"]), many["rows"][199]) == (200, ["199"])
        assert many["cut"] == "only the first 200 rows are shown: aggregate, filter or LIMIT to see others"
        wide = await asked.text("run_sql", {"sql": "SELECT repeat('x', 900) AS x FROM numbers(150)"})
        assert json.loads(wide)["cut"].startswith("only the first 22 rows are shown: ")
        assert len(wide) < 22_000
        [[long]] = (await asked.answer("run_sql", sql="SELECT repeat('y', 5000)"))["rows"]
        assert long == "y" * 1000 + " [cut]"
        exact = await asked.answer("run_sql", sql="SELECT number FROM numbers(200)")
        assert (len(exact["rows"]), "cut" in exact) == (200, False)

    asking(used, questions)


REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("run_sql", {"sql": "TRUNCATE TABLE records"}, "query: TRUNCATE does more than read\nhint: ask one SELECT"),
    ("run_sql", {"sql": "SELECT * FROM file('/etc/passwd')"}, "query: file() reaches beyond the warehouse"),
    ("run_sql", {"sql": "SELECT 1 SETTINGS max_execution_time = 0"}, "Cannot modify 'max_execution_time'"),
    ("run_sql", {"sql": "SELECT cost FROM daily"}, "there are machine, agent, date"),
    ("run_sql", {"sql": " "}, "sql: is empty"),
    ("run_query", {"name": "cost_by_dya"}, "nearest: cost_by_day"),
    ("run_query", {"name": "cost_by_day", "parameters": {"since": "soon"}}, "since=soon: is not a Date"),
    ("run_query", {"name": "cost_by_day", "parameters": {"machine": "desktop"}}, "nothing is stored under"),
    ("describe_view", {"view": "dayly"}, "view dayly: there is none; nearest: daily"),
    ("list_queries", {"group": "moon"}, "there is no group moon\nhint: give one of daily, models"),
)


@pytest.mark.exhaustive
def test_what_cannot_be_answered_is_an_error_of_the_tool(used: Program) -> None:
    async def questions(asked: Asked) -> None:
        for tool, arguments, said in REFUSED:
            assert said in await asked.text(tool, arguments, fails=True)

    asking(used, questions)


@pytest.mark.exhaustive
def test_between_calls_nothing_keeps_an_import_out(used: Program) -> None:
    used.environ["CCUSAGE_IMPORT_LOCK_WAIT_SECONDS"] = "0"

    async def questions(asked: Asked) -> None:
        for _ in range(2):
            before = await asked.answer("run_sql", sql="SELECT uniqExact(load_id) FROM loads")
            done = await anyio.to_thread.run_sync(lambda: used("import"))
            assert (done.exit_code, done.stderr) == (0, "")
            after = await asked.answer("run_sql", sql="SELECT uniqExact(load_id) FROM loads")
            assert int(after["rows"][0][0]) == int(before["rows"][0][0]) + 1

    asking(used, questions)


@pytest.mark.exhaustive
def test_a_warehouse_that_is_in_use_is_said(used: Program) -> None:
    used.environ["CCUSAGE_IMPORT_LOCK_WAIT_SECONDS"] = "0.1"

    async def questions(asked: Asked) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: asked.text("run_sql", {"sql": "SELECT sleep(2.5)"}))
            await anyio.sleep(1.5)
            assert " is in use by process " in await asked.text("run_sql", {"sql": "SELECT 1"}, fails=True)

    asking(used, questions)


@pytest.mark.exhaustive
def test_a_call_that_is_cancelled_keeps_nobody_waiting(used: Program) -> None:
    async def questions(asked: Asked) -> None:
        async with anyio.create_task_group() as group:
            group.start_soon(lambda: asked.text("run_sql", {"sql": ENDLESS}))
            await anyio.sleep(3)
            group.cancel_scope.cancel()
        with anyio.fail_after(15):
            assert (await asked.answer("run_sql", sql="SELECT 1"))["rows"] == [["1"]]

    asking(used, questions)


@pytest.mark.exhaustive
def test_whoever_leaves_ends_what_was_asked(used: Program) -> None:
    call = {"method": "tools/call", "params": {"name": "run_sql", "arguments": {"sql": ENDLESS}}}
    messages = [
        INITIALIZE,
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": 2, **call},
    ]
    with started(used) as server:
        assert server.stdin is not None
        server.stdin.write("".join(f"{json.dumps(message)}\n" for message in messages).encode())
        server.stdin.flush()
        time.sleep(5)
        began = time.monotonic()
        server.communicate(timeout=30)

    assert (server.returncode, time.monotonic() - began < 10) == (0, True)


def started(program: Program) -> subprocess.Popen[bytes]:
    argv = [sys.executable, "-m", "ccusage_import", "mcp"]
    pipe = subprocess.PIPE
    return subprocess.Popen(argv, env=program.environ, cwd=program.home, stdin=pipe, stdout=pipe, stderr=pipe)


@pytest.mark.exhaustive
def test_stdout_carries_the_protocol_alone_and_leaves_nothing_open(used: Program) -> None:
    call = {"method": "tools/call", "params": {"name": "run_sql", "arguments": {"sql": "SELECT 1"}}}
    with started(used) as server:
        assert server.stdin is not None
        assert server.stdout is not None

        def ask(message: dict[str, object]) -> Any:
            assert server.stdin is not None
            assert server.stdout is not None
            server.stdin.write(json.dumps(message).encode() + b"\n")
            server.stdin.flush()
            return json.loads(server.stdout.readline())

        assert ask(INITIALIZE)["result"]["serverInfo"]["name"] == "ccusage-import"
        server.stdin.write(b'{"jsonrpc":"2.0","method":"notifications/initialized"}\n')
        answers = [ask({"jsonrpc": "2.0", "id": number, **call}) for number in range(2, 6)]
        opened = list(Path(f"/proc/{server.pid}/fd").iterdir()) if Path("/proc/self").exists() else []
        rest, complaints = server.communicate(timeout=30)

    assert [answer["id"] for answer in answers] == [2, 3, 4, 5]
    assert len(opened) < 15
    assert (rest, complaints, server.returncode) == (b"", b"", 0)


@pytest.mark.parametrize("number", some_of([signal.SIGINT, signal.SIGTERM], 1))
def test_a_signal_ends_it_although_it_reads(used: Program, number: signal.Signals) -> None:
    with started(used) as server:
        assert server.stdin is not None
        assert server.stdout is not None
        server.stdin.write(json.dumps(INITIALIZE).encode() + b"\n")
        server.stdin.flush()
        server.stdout.readline()
        server.send_signal(number)

        assert server.wait(5) == 130


def test_what_cannot_be_used_is_said_at_once(program: Program) -> None:
    shown = program("mcp", "--warehouse", "mysql://somewhere")

    assert (shown.exit_code, shown.stdout) == (2, "")
    assert "mysql://somewhere" in shown.stderr


@pytest.mark.exhaustive
def test_the_inspector_finds_and_calls_the_tools(used: Program) -> None:
    inspector = install("@modelcontextprotocol/inspector", INSPECTOR_VERSION) / "mcp-inspector"
    asked = [
        "--method",
        "tools/call",
        "--tool-name",
        "run_sql",
        "--tool-arg",
        "sql=SELECT round(sum(cost_usd), 2) AS c FROM daily",
    ]

    done = used.run(inspector, "--cli", sys.executable, "-m", "ccusage_import", "mcp", *asked)

    assert done.exit_code == 0, done.stderr
    [content] = json.loads(done.stdout)["content"]
    assert json.loads(content["text"]) == {"columns": ["c"], "rows": [["1.8"]]}

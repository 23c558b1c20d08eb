"""The Model Context Protocol over stdio, by its official SDK: which tools there are, and who answers them."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Annotated, Any

import anyio
from mcp.server import MCPServer
from mcp_types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from ccusage_import import __version__
from ccusage_import.exceptions import ExitCode
from ccusage_import.processes import Stop, run_program

# Longer than an import holds the warehouse, and any answer takes.
TIMEOUT_SECONDS = 120.0
MOST_BYTES = 1 << 20
WORKER = ("-P", "-m", "ccusage_import.cli.live.mcp_worker")
READS = ToolAnnotations(read_only_hint=True, destructive_hint=False, idempotent_hint=True, open_world_hint=False)
INSTRUCTIONS = """\
Costs and tokens of coding agents (Claude Code and others) on this and perhaps other machines, as ccusage counts them,
kept in ClickHouse. Costs are US dollars. Nothing here can be changed. Begin with `digest`; for more, `list_queries`
and `run_query`, or `list_views`, `describe_view` and `run_sql` (ClickHouse SQL). Answers are cut at some 200 rows and
say so: aggregate in SQL. Projects and sessions of a machine that hides their names are pseudonyms.
"""
# An agent that writes {"top": 2} means what it says.
Value = Annotated[str, Field(coerce_numbers_to_str=True)]
Parameters = Annotated[dict[str, Value] | None, Field(description="Values by the names of parameters, as text.")]


class Tools:
    """The tools; `config` and `warehouse` are what the command was given."""

    def __init__(self, config: Path | None, warehouse: str | None) -> None:
        self._given = {"config": str(config.absolute()) if config else None, "warehouse": warehouse}

    async def list_views(self) -> CallToolResult:
        """List the views of the warehouse, with what one row of each is."""
        return await self._call("list_views")

    async def describe_view(self, view: str) -> CallToolResult:
        """List the columns of a view: name, type and meaning."""
        return await self._call("describe_view", view=view)

    async def list_queries(self, group: str = "") -> CallToolResult:
        """List the named queries and what they answer; of one group, also their parameters."""
        return await self._call("list_queries", group=group)

    async def run_query(self, name: str, parameters: Parameters = None) -> CallToolResult:
        """Answer a named query. Days are 2026-10-01, today, yesterday, 7d or `7 days ago`."""
        return await self._call("run_query", name=name, parameters=parameters or {})

    async def run_sql(self, sql: str, parameters: Parameters = None) -> CallToolResult:
        """Answer one ClickHouse statement that reads: SELECT, SHOW, DESCRIBE, EXISTS or EXPLAIN.

        Parameters are written {name:Type}.
        """
        return await self._call("run_sql", sql=sql, parameters=parameters or {})

    async def digest(self) -> CallToolResult:
        """Show what today, the week and the month cost, the forecast, budgets, what is held, and how fresh all is."""
        return await self._call("digest")

    async def forecast(self, machine: str = "", agent: str = "") -> CallToolResult:
        """Forecast what this month will cost: of everything, or of one machine or agent."""
        return await self._call("forecast", machine=machine, agent=agent)

    async def predict(self, command: str, project: str = "", model: str = "") -> CallToolResult:
        """Predict cost and duration of the next run of a slash command; of prompts without one where it is empty."""
        return await self._call("predict", command=command, project=project, model=model)

    async def quota(self) -> CallToolResult:
        """Show what is used of the quotas of a plan, by five-hour block and week, and when they run out."""
        return await self._call("quota")

    def all(self) -> tuple[Any, ...]:
        """Return the tools in the order in which they are listed."""
        return (
            self.digest,
            self.forecast,
            self.predict,
            self.quota,
            self.list_queries,
            self.run_query,
            self.list_views,
            self.describe_view,
            self.run_sql,
        )

    async def _call(self, tool: str, **arguments: Any) -> CallToolResult:
        """Answer a call, until it is answered or cancelled, or nobody listens any more."""
        stop = Stop()
        try:
            return await anyio.to_thread.run_sync(partial(self._answer, stop, tool, arguments), abandon_on_cancel=True)
        finally:
            stop.requested = True

    def _answer(self, stop: Stop, tool: str, arguments: dict[str, Any]) -> CallToolResult:
        with tempfile.TemporaryFile() as request:
            request.write(json.dumps({**self._given, "tool": tool, "arguments": arguments}).encode())
            request.seek(0)
            argv = (sys.executable, *WORKER)
            try:
                done = run_program(
                    argv, os.environ, Path.cwd(), TIMEOUT_SECONDS, stop, stdin=request, most_bytes=MOST_BYTES
                )
            except TimeoutError:
                return _failed(f"{tool}: took longer than {TIMEOUT_SECONDS:.0f} s", hint="ask for less")
        if done.exit_code:
            told = done.stderr.decode("utf-8", "replace").strip().rpartition("\n")[2]
            return _failed(f"{tool}: this is a bug in ccusage-import: {told or f'exit code {done.exit_code}'}")
        answer = json.loads(done.stdout)
        if "error" in answer:
            return _failed(**answer["error"])
        return CallToolResult(content=[_text(json.dumps(answer["answer"], ensure_ascii=False))])


def serve(config: Path | None, warehouse: str | None) -> None:
    """Answer until stdin ends, or a signal ends this process; what answers a call ends with it."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _end)
    server = MCPServer("ccusage-import", version=__version__, instructions=INSTRUCTIONS, log_level="WARNING")
    for tool in Tools(config, warehouse).all():
        server.add_tool(tool, annotations=READS, structured_output=False)
    server.run("stdio")


def _end(_number: int, _frame: FrameType | None) -> None:
    # A thread waits for stdin, and the interpreter would wait for the thread. Nothing is left to be written.
    os._exit(ExitCode.INTERRUPTED)


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _failed(message: str, details: tuple[str, ...] = (), hint: str = "") -> CallToolResult:
    lines = [message, *details, *([f"hint: {hint}"] if hint else [])]
    return CallToolResult(content=[_text("\n".join(lines))], is_error=True)

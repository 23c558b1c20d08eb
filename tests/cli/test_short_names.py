"""Names as people type them, and commands as they can be copied."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from ccusage_import.cli.audit import options_as_typed
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.exceptions import MachineTakenError
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.machines import claim_machine
from ccusage_import.warehouse.migrations import apply_migrations
from tests.conftest import Program
from tests.support.prompts import HAIKU, OPUS, Session


@pytest.mark.usefixtures("own_warehouse")
def test_a_query_takes_the_short_name_of_a_project(program: Program, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "s1", datetime.now(UTC) - timedelta(days=1), project="-home-ana-shop")
    session.prompt("/test").after(5).answer(400, model=OPUS)
    assert program("import", "--claude-dir", tmp_path / "claude").exit_code == 0

    done = program("query", "top_prompts", "--param", "project=shop", "--format", "csv")

    assert (done.exit_code, done.stderr) == (0, "")
    assert len(done.stdout.splitlines()) == 2


@pytest.mark.usefixtures("own_warehouse")
def test_commands_servers_and_tools_have_their_names_on_this_machine(program: Program, tmp_path: Path) -> None:
    session = Session(tmp_path / "claude", "s1", datetime.now(UTC) - timedelta(days=1))
    session.prompt("/deploy").answer(400, calls={"1 mcp__jira__find": {}}).result("1")
    session.answer(400, model=HAIKU)
    assert program("import", "--claude-dir", tmp_path / "claude").exit_code == 0

    def answer(query: str, *arguments: str) -> str:
        done = program("query", query, *arguments)
        assert (done.exit_code, done.stderr) == (0, "")
        return done.stdout

    assert "│ /deploy │" in answer("prompts_by_command")
    assert "│ mcp__jira__find │ jira       │" in answer("SELECT tool, mcp_server FROM tool_calls")
    assert "deploy" not in answer("prompts_by_command", "--format", "csv")
    assert "| /deploy | 1 |" in program("report", "--format", "markdown").stdout


def test_a_printed_command_leads_to_the_same_warehouse_without_its_password() -> None:
    shown = options_as_typed(Path("/my files/c.toml"), "clickhouse://u:secret@host/db")
    assert shown == " --config '/my files/c.toml' --warehouse 'clickhouse://u:***@host/db'"
    assert options_as_typed(None, None) == ""


def test_the_warehouse_of_a_demo_is_only_to_be_read(tmp_path: Path) -> None:
    with open_warehouse(EmbeddedWarehouse(tmp_path / "demo" / "warehouse"), creates_database=True) as opened:
        apply_migrations(opened)
        claim_machine(opened, "demo", "a" * 16)
        with pytest.raises(MachineTakenError) as refused:
            claim_machine(opened, "demo", "b" * 16)
    assert refused.value.hint == "the demo can only be read; leave out --config and --warehouse"

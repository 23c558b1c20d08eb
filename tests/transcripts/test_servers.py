"""Which MCP servers attachments put into the context; only names and lengths are read of them."""

from __future__ import annotations

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts.naming import Names
from ccusage_import.transcripts.prompts import read_servers

NAMES = Names(Pseudonyms("salt", is_enabled=False))


def servers(attachment: object, **record: object) -> list[tuple[str, str, int | None]]:
    """Return kind, server and tokens of what an attachment puts into the context."""
    found = read_servers({"uuid": "u1", "attachment": attachment, **record}, 1000, NAMES)
    assert len({event.event for event in found}) == len(found)
    return [(event.kind, event.detail, event.tokens_after) for event in found]


def test_tools_that_are_described_later_are_counted_by_server() -> None:
    names = ["mcp__acme__send", "Monitor", "mcp__acme__get", "mcp__shop__ask"]
    told = {"type": "deferred_tools_delta", "addedNames": names}
    # Five characters make two tokens; without lines the names themselves are what is told.
    lines = ["x" * 8, "x" * 100, "x" * 9, "x" * 5]
    assert servers({**told, "addedLines": lines}) == [("mcp_tools", "acme", 5), ("mcp_tools", "shop", 2)]
    assert servers(told) == [("mcp_tools", "acme", 8), ("mcp_tools", "shop", 4)]


@pytest.mark.parametrize(
    ("name", "called"),
    [
        ("acme", "acme"),
        ("plugin:cloud:docs", "plugin_cloud_docs"),
        ("claude.ai Fire  crawl (EU)", "claude_ai_Fire_crawl_EU"),
        ("my  own", "my"),
    ],
)
def test_a_server_with_instructions_is_called_as_its_tools_call_it(name: str, called: str) -> None:
    told = {"type": "mcp_instructions_delta", "addedNames": [name], "addedBlocks": ["x" * 40]}
    assert servers(told) == [("mcp_instructions", called, 10)]
    assert servers(told, isSidechain=True) == []


@pytest.mark.parametrize(
    "attachment",
    [
        None,
        "mcp_instructions_delta",
        {"type": ["mcp_instructions_delta"], "addedNames": ["acme"]},
        {"type": "skill_listing", "addedNames": ["acme"]},
        {"type": "mcp_instructions_delta"},
        {"type": "mcp_instructions_delta", "addedNames": "acme"},
        {"type": "mcp_instructions_delta", "addedNames": [None, 7, ""], "addedBlocks": [None]},
        {"type": "deferred_tools_delta", "addedNames": ["Monitor", {"name": "mcp__acme__send"}]},
    ],
)
def test_what_names_no_server_is_none(attachment: object) -> None:
    assert servers(attachment) == []

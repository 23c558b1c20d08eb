"""What stands for a name that transcripts hold: pseudonyms, which this machine can turn back, or the name itself."""

from __future__ import annotations

import pytest

from ccusage_import.names.pseudonyms import Pseudonyms
from ccusage_import.transcripts.naming import Names

# HMAC-SHA-256 of the kind, a NUL and the name under the salt, its first 16 digits.
COMMAND, SERVER, TOOL = "9ceb52400cb02cb1", "6b623e42998971cb", "94e5bc16331dde8a"


def named(*, hides: bool) -> tuple[Names, Pseudonyms]:
    pseudonyms = Pseudonyms("salt", is_enabled=hides)
    return Names(pseudonyms), pseudonyms


def test_pseudonyms_of_commands_and_of_servers_and_their_tools_can_be_turned_back() -> None:
    names, pseudonyms = named(hides=True)

    assert names.command("/deploy") == (COMMAND, False)
    assert names.command("/review") == ("/review", True)
    assert names.tool("mcp__acme__get_invoice") == (f"mcp__{SERVER}__{TOOL}", SERVER)
    assert names.tool("Bash") == ("Bash", "")

    assert pseudonyms.names == {
        COMMAND: "/deploy",
        SERVER: "acme",
        TOOL: "get_invoice",
        f"mcp__{SERVER}__{TOOL}": "mcp__acme__get_invoice",
    }


def test_files_and_branches_are_not_remembered() -> None:
    names, pseudonyms = named(hides=True)
    assert len(names.always("file", "/home/ana/a.py")) == 16
    assert len(names.always("branch", "main")) == 16
    assert pseudonyms.names == {}


@pytest.mark.parametrize("name", ["/deploy", "/shop:deploy-all", "/v1.2_x+y"])
def test_a_command_is_stored_in_clear_where_projects_are(name: str) -> None:
    names, pseudonyms = named(hides=False)
    assert names.command(name) == (name, False)
    assert names.tool("mcp__acme__get_invoice") == ("mcp__acme__get_invoice", "acme")
    assert pseudonyms.names == {}


@pytest.mark.parametrize("name", ["/deploy now", "/" + "x" * 61, "/dépôt", "//"])
def test_what_could_be_a_text_stays_a_pseudonym(name: str) -> None:
    names, pseudonyms = named(hides=False)
    stored, _ = names.command(name)
    assert len(stored) == 16
    assert pseudonyms.names == {stored: name}


@pytest.mark.parametrize("name", [None, 5, ""])
def test_what_is_no_name_has_none(name: object) -> None:
    names, pseudonyms = named(hides=True)
    assert names.tool(name) == ("", "")
    assert names.always("file", name) == names.unless_clear("mcp", name) == ""
    assert pseudonyms.names == {}


def test_a_command_is_not_taken_for_a_path_in_messages() -> None:
    names, pseudonyms = named(hides=True)
    names.command("/deploy")
    assert pseudonyms.hide_paths("cannot read /home/deploy") == "cannot read /home/deploy"


def test_a_naming_is_told_by_sixteen_digits_of_its_salt() -> None:
    assert len(Pseudonyms("salt", is_enabled=True).naming) == 16
    assert Pseudonyms("salt", is_enabled=True).naming != Pseudonyms("another", is_enabled=True).naming
    assert Pseudonyms("salt", is_enabled=False).naming == ""

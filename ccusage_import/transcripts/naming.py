"""What stands for names: a pseudonym, unless the name is of a closed list. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache

from ccusage_import.names.pseudonyms import Pseudonyms

# Commands that come with Claude Code.
BUILT_IN_COMMANDS = frozenset(
    [
        "/add-dir",
        "/agents",
        "/bashes",
        "/batch",
        "/btw",
        "/bug",
        "/chrome",
        "/clear",
        "/color",
        "/commit-push-pr",
        "/compact",
        "/config",
        "/context",
        "/copy",
        "/cost",
        "/debug",
        "/desktop",
        "/diff",
        "/doctor",
        "/effort",
        "/exit",
        "/export",
        "/extra-usage",
        "/fast",
        "/feedback",
        "/files",
        "/fork",
        "/goal",
        "/help",
        "/hooks",
        "/ide",
        "/init",
        "/insights",
        "/install-github-app",
        "/install-slack-app",
        "/keybindings",
        "/login",
        "/logout",
        "/loop",
        "/mcp",
        "/memory",
        "/migrate-installer",
        "/mobile",
        "/model",
        "/new",
        "/output-style",
        "/passes",
        "/permissions",
        "/plan",
        "/plugin",
        "/pr-comments",
        "/privacy-settings",
        "/quit",
        "/rate-limit-options",
        "/release-notes",
        "/reload-plugins",
        "/remote-control",
        "/remote-env",
        "/rename",
        "/resume",
        "/review",
        "/rewind",
        "/sandbox",
        "/schedule",
        "/security-review",
        "/simplify",
        "/skills",
        "/stats",
        "/status",
        "/statusline",
        "/stickers",
        "/tag",
        "/tasks",
        "/team-onboarding",
        "/teleport",
        "/terminal-setup",
        "/theme",
        "/think-back",
        "/todos",
        "/ultraplan",
        "/ultrareview",
        "/upgrade",
        "/usage",
        "/vim",
        "/voice",
    ]
)
_TOOL = re.compile(r"[A-Z][A-Za-z]{1,40}")
_MCP = re.compile(r"mcp__(.+?)__(.+)", re.DOTALL)
# What Claude Code replaces in the name of a server, so that the API takes it.
_NOT_CALLED = re.compile(r"[^a-zA-Z0-9_-]")
_EXTENSION = re.compile(r"\.([A-Za-z0-9]{1,8})$")
# What names look like that may be stored in clear: anything else could be a text.
_CLEAR = re.compile(r"/?[A-Za-z0-9_.:+-]{1,60}", re.ASCII)
_WORD = re.compile(r"[A-Za-z0-9_.+-]{1,40}", re.ASCII)


class Names:
    """Names of one machine as they are stored; each kind of name has pseudonyms of its own."""

    def __init__(self, pseudonyms: Pseudonyms) -> None:
        self._pseudonyms = pseudonyms
        self._known: dict[tuple[str, str], str] = {}

    def unlearned(self) -> Names:
        """Return names with the same pseudonyms, which have not met any name yet."""
        return Names(self._pseudonyms.unlearned())

    def learned(self) -> dict[str, str]:
        """Return the names that were met since this was asked last, by their pseudonyms."""
        names, self._pseudonyms.names = self._pseudonyms.names, {}
        return names

    def learn(self, names: Mapping[str, str]) -> None:
        """Remember names that were met elsewhere."""
        self._pseudonyms.names.update(names)

    def of_report(self, name: str) -> str:
        """Return a project or a session as the reports name it."""
        return self._pseudonyms.of(name)

    def always(self, kind: str, name: object) -> str:
        """Return the pseudonym of a name that is never stored; empty for what is not a name."""
        if not isinstance(name, str) or not name:
            return ""
        key = (kind, name)
        if key not in self._known:
            self._known[key] = self._pseudonyms.blind(kind, name)
        return self._known[key]

    def unless_clear(self, kind: str, name: object) -> str:
        """Return a name in clear where project names are, else its pseudonym, of which this machine keeps the name."""
        if not isinstance(name, str) or not name:
            return ""
        if not self._pseudonyms.is_enabled and _CLEAR.fullmatch(name):
            return name
        pseudonym = self.always(kind, name)
        self._pseudonyms.names[pseudonym] = name
        return pseudonym

    def tool(self, name: object) -> tuple[str, str]:
        """Return a tool, and the MCP server that offers it."""
        if not isinstance(name, str):
            return "", ""
        if mcp := _MCP.fullmatch(name):
            server = self.unless_clear("mcp", mcp[1])
            tool = f"mcp__{server}__{self.unless_clear('mcp tool', mcp[2])}"
            if tool != name:
                self._pseudonyms.names[tool] = name
            return tool, server
        return (name if _TOOL.fullmatch(name) else self.unless_clear("tool", name)), ""

    def server(self, name: str) -> str:
        """Return an MCP server by its full name, called as in the names of its tools."""
        called = _NOT_CALLED.sub("_", name)
        if name.startswith("claude.ai "):
            called = re.sub("_+", "_", called).strip("_")
        # As far as the name of a tool tells where that of its server ends.
        found = _MCP.fullmatch(f"mcp__{called}__tool")
        return self.unless_clear("mcp", found[1] if found else "")

    def command(self, name: str) -> tuple[str, bool]:
        """Return a slash command, and whether it is one of Claude Code's own."""
        is_built_in = name in BUILT_IN_COMMANDS
        return (name if is_built_in else self.unless_clear("command", name)), is_built_in


def extension(path: object) -> str:
    """Return the extension of a file where it is an ordinary one."""
    found = _EXTENSION.search(path) if isinstance(path, str) else None
    return found[1].lower() if found else ""


def word(value: object) -> str:
    """Return a value that looks like one of a closed list; empty for anything that could be a text."""
    return _word(value) if isinstance(value, str) else ""


@lru_cache(maxsize=1024)
def _word(text: str) -> str:
    return text if _WORD.fullmatch(text) else ""

"""Which agents are to be imported, and which of them the ccusage that was found has reports of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ccusage_import.ccusage.failures import PINNED_HINT, tail
from ccusage_import.ccusage.runner import QUICK_TIMEOUT_SECONDS, FetchOptions, Runner, run_quickly
from ccusage_import.exceptions import CcusageError, ConfigurationError, UnknownAgentError
from ccusage_import.names.shown import told_nearest
from ccusage_import.records import AGENT_REPORTS, ALL_REPORTS, CLAUDE, REPORTS, ReportName, report_label
from ccusage_import.versions import FIRST_MAJOR_WITH_AGENTS, PINNED_VERSION

ALL = "all"
# `ccusage --help` lists `codex` (20) or `codex daily` (19), beside reports that do not belong to an agent.
_COMMAND = re.compile(r"^ +([a-z][a-z0-9-]*)(?: [a-z]+)? {2,}\S", re.MULTILINE)
_NO_AGENTS = frozenset({"daily", "weekly", "monthly", "session", "blocks", "statusline"})


def wanted_labels(agents: Sequence[str], reports: Sequence[str]) -> list[str]:
    """Return the labels of the reports to fetch; blocks, projects and hours exist for Claude Code alone.

    Raises:
        ConfigurationError: no report is left.
    """
    labels = [
        report_label(report, agent)
        for agent in agents
        for report in ALL_REPORTS
        if report in reports and (agent == CLAUDE or report in AGENT_REPORTS)
    ]
    if not labels:
        raise ConfigurationError(
            f"there is no report {' or '.join(reports)} of {' or '.join(agents)}",
            hint=f"ask for {', '.join(AGENT_REPORTS)}, or for the agent {CLAUDE}",
        )
    return labels


def with_hours(reports: Sequence[str]) -> Sequence[str]:
    """Return the reports of an import that reads no transcripts: with the hours, which messages would tell otherwise.

    Where a person named reports, only these are returned.
    """
    return (*reports, ReportName.HOURS) if tuple(reports) == REPORTS else reports


def find_agents(
    wanted: Sequence[str], runner: Runner, options: FetchOptions, environ: Mapping[str, str]
) -> dict[str, CcusageError | None]:
    """Return the wanted agents, with `all` replaced by every agent that this ccusage knows.

    Returns:
        For each agent the reason why there are no reports of it; None where there are.

    Raises:
        ConfigurationError: the state directory cannot be written.
    """
    if tuple(wanted) == (CLAUDE,):
        return {CLAUDE: None}
    try:
        known = _known_agents(runner, options, environ)
    except CcusageError as error:
        return {agent: None if agent == CLAUDE else error for agent in wanted}
    names = dict.fromkeys(name for agent in wanted for name in (known if agent == ALL else (agent,)))
    return {name: None if name in known else _unknown(name, known, runner) for name in names}


def _known_agents(runner: Runner, options: FetchOptions, environ: Mapping[str, str]) -> list[str]:
    """Return the agents in ccusage's own order."""
    if runner.major < FIRST_MAJOR_WITH_AGENTS:
        return [CLAUDE]
    finished = run_quickly("`ccusage --help`", (*runner.argv, "--help"), options, environ, QUICK_TIMEOUT_SECONDS)
    commands = finished.stdout.decode(errors="replace").partition("COMMANDS:")[2].partition("\n\n")[0]
    agents = [name for name in dict.fromkeys(_COMMAND.findall(commands)) if name not in _NO_AGENTS]
    if CLAUDE not in agents:
        raise UnknownAgentError(
            f"`ccusage --help` of {runner.version} lists no agents: {tail(finished.stderr, environ)}", hint=PINNED_HINT
        )
    return agents


def _unknown(agent: str, known: Sequence[str], runner: Runner) -> UnknownAgentError:
    another = "" if runner.version == PINNED_VERSION else f", or {PINNED_HINT}"
    return UnknownAgentError(
        f"agent {agent!r}: ccusage {runner.version} has reports of {', '.join(known)} only{told_nearest(agent, known)}",
        hint=f"correct `agents` or --agent{another}",
    )

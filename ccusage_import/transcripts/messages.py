"""Messages in records: usage, model, content. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from ccusage_import.transcripts.acceptance import LARGEST_COUNT
from ccusage_import.transcripts.facts import Message, Usage, instant, number
from ccusage_import.transcripts.lines import clean
from ccusage_import.transcripts.naming import Names, word

Record = dict[str, Any]
# The model of what Claude Code itself puts into a transcript.
SYNTHETIC = "<synthetic>"
# No answer costs so much: what says so is damaged, and no column holds much more.
LARGEST_COST_USD = 10**15


@dataclass(slots=True, kw_only=True)
class Source:
    """Where a record stands: its file as ccusage names it, and its position there.

    Attributes:
        session: ccusage's session.
        session_id: its pseudonym, as in the report of sessions.
        project: pseudonym of ccusage's project.
        file: the order of the file among all files.
        position: of the line in the file.
        agent_id: number of the subagent whose file it is; 0 for a session's own.
    """

    session: str
    session_id: str
    project: str
    file: int
    agent_id: int
    position: int = 0


class Ids(NamedTuple):
    """The numbers by which a message is told from others; 0 where it has none of a kind."""

    message: int
    request: int
    record: int


def find_usage(record: Record) -> Record | None:
    """Return the usage that a record holds."""
    message = record.get("message")
    usage = message.get("usage") if isinstance(message, dict) else None
    return usage if isinstance(usage, dict) else None


def read_messages(
    record: Record, outer: Record, usage: Record, accepted: int, source: Source, names: Names
) -> Iterator[Message]:
    """Return the message of a record with usage, and those of its advisors; none where it has no instant.

    Args:
        record: has the message.
        outer: the line's own record, which is the same or the parent's that reports a subagent.
        usage: of the record.
        accepted: the rules by which ccusage counts it.
        source: where the line stands.
        names: what names become.
    """
    at = instant(record.get("timestamp"))
    if at is None:
        return
    message = record["message"]
    ids = _ids(message.get("id"), record, source, at)
    made = _message(record, outer, usage, accepted, at, ids, source, names)
    _count_content(made, message.get("content"))
    yield made
    for index, part in enumerate(_advisors(usage.get("iterations"))):
        yield _advisor(made, _ids(f"{message.get('id')}:advisor:{index}", record, source, at), part)


def _message(
    record: Record, outer: Record, usage: Record, accepted: int, at: int, ids: Ids, source: Source, names: Names
) -> Message:
    message, session, agent = record["message"], outer.get("sessionId"), outer.get("agentId")
    counted = session if isinstance(session, str) and session else source.session
    model, speed, tokens = _model(message.get("model")), usage.get("speed"), _usage(usage)
    stop_reason = word(message.get("stop_reason"))
    return Message(
        message=ids.message,
        request=ids.request,
        counted_session=number(counted),
        record=ids.record,
        accepted=accepted,
        is_sidechain=record.get("isSidechain") is True,
        is_nested=record is not outer,
        at=at,
        times=(at,),
        place=(source.file, source.position),
        usage=tokens,
        total_tokens=sum(tokens),
        model=f"{model}-fast" if speed == "fast" and model not in ("", SYNTHETIC) else model,
        speed=speed if speed in ("fast", "standard") else "",
        listed_cost_usd=_listed_cost(record.get("costUSD")),
        service_tier=word(usage.get("service_tier")),
        stop_reason=stop_reason,
        is_final=bool(stop_reason),
        session_id=source.session_id,
        claude_session_id=names.of_report(counted),
        project=source.project,
        branch=names.always("branch", outer.get("gitBranch")),
        version=word(outer.get("version")),
        entrypoint=word(outer.get("entrypoint")),
        agent_id=number(agent) if isinstance(agent, str) and agent else source.agent_id,
        web_searches=_web_searches(usage),
    )


def _listed_cost(cost: object) -> float | None:
    if isinstance(cost, int | float) and not isinstance(cost, bool) and abs(cost) <= LARGEST_COST_USD:
        return float(cost)
    return None


def _ids(message_id: object, record: Record, source: Source, at: int) -> Ids:
    request, uuid = record.get("requestId"), record.get("uuid")
    if isinstance(message_id, str) and message_id:
        if isinstance(request, str) and request:
            return Ids(number(message_id), number(request), 0)
        return Ids(number(message_id), 0, at)
    of_record = uuid if isinstance(uuid, str) and uuid else f"{at}/{source.position}"
    return Ids(0, 0, number(f"{source.session}/{of_record}"))


def _advisor(made: Message, ids: Ids, part: Record) -> Message:
    usage = _usage(part)
    return Message(
        message=ids.message,
        request=ids.request,
        counted_session=made.counted_session,
        record=ids.record,
        accepted=made.accepted,
        is_sidechain=made.is_sidechain,
        is_nested=made.is_nested,
        at=made.at,
        times=made.times,
        place=made.place,
        usage=usage,
        total_tokens=sum(usage),
        model=_model(part.get("model")),
        speed="",
        session_id=made.session_id,
        claude_session_id=made.claude_session_id,
        project=made.project,
        branch=made.branch,
        version=made.version,
        entrypoint=made.entrypoint,
        agent_id=made.agent_id,
        is_final=made.is_final,
    )


def _advisors(iterations: object) -> list[Record]:
    parts = iterations if isinstance(iterations, list) else []
    return [
        part
        for part in parts
        if isinstance(part, dict)
        and part.get("type") == "advisor_message"
        and isinstance(part.get("model"), str)
        and part["model"]
    ]


def _model(name: object) -> str:
    return clean(name) if isinstance(name, str) else ""


def _usage(usage: Record) -> Usage:
    """Return the tokens by class; where the cache writes are split, the split alone counts."""
    split = usage.get("cache_creation")
    if isinstance(split, dict):
        short, long = _count(split.get("ephemeral_5m_input_tokens")), _count(split.get("ephemeral_1h_input_tokens"))
    else:
        short, long = _count(usage.get("cache_creation_input_tokens")), 0
    return Usage(
        _count(usage.get("input_tokens")),
        _count(usage.get("output_tokens")),
        short,
        long,
        _count(usage.get("cache_read_input_tokens")),
    )


def _count(value: object) -> int:
    return value if type(value) is int and 0 <= value <= LARGEST_COUNT else 0


def _web_searches(usage: Record) -> int:
    tools = usage.get("server_tool_use")
    return _count(tools.get("web_search_requests")) if isinstance(tools, dict) else 0


def _count_content(made: Message, content: object) -> None:
    for block in content if isinstance(content, list) else ():
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            made.texts += 1
            text = block.get("text")
            made.text_characters += len(text) if isinstance(text, str) else 0
        elif kind in ("thinking", "redacted_thinking"):
            made.thoughts += 1
        elif kind in ("tool_use", "server_tool_use"):
            made.tool_uses += 1

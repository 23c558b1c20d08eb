"""Hand-made transcripts, with facts that were worked out by hand: one folder for each rule, one tree for each step."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.warehouse.clickhouse_client import ClickHouse
from tests.conftest import CORPORA
from tests.support.exhaustive import some_of
from tests.support.facts import Reader, become

GROUPS = CORPORA / "facts"
EXPECTED: dict[str, dict[str, dict[str, Any]]] = json.loads((GROUPS / "expected.json").read_text())
# Facts stay when transcripts are cut, deleted or damaged: here the ledger holds more than the tree.
KEPT: dict[tuple[str, str], dict[str, Any]] = {
    ("35-rewritten", "3"): {"messages": 3, "tokens": [9, 1060, 0, 0]},
    ("35-rewritten", "4"): {"messages": 3, "tokens": [9, 1060, 0, 0]},
    ("41-joined-records", "2"): {"daily_messages": 2, "session_messages": 2},
}
SUMS = (
    "[sum(input_tokens), sum(output_tokens), sum(cache_creation_5m_tokens + cache_creation_1h_tokens),"
    " sum(cache_read_tokens)]"
)
MINE = "WHERE machine = {machine:String}"
FACTS = f"FROM messages {MINE} AND counts_in != ['session']"
CALLS = f"FROM tool_calls {MINE}"
TURNS = f"FROM turns {MINE}"
EVENTS = f"FROM events {MINE}"
TIMED = f"{CALLS} AND isNotNull(wall_ms)"


def ask(sql: str) -> Callable[[Reader], Any]:
    """Return what asks for one value."""
    return lambda reader: reader.one(f"SELECT {sql}")


def pairs(sql: str) -> Callable[[Reader], Any]:
    """Return what asks for values by name."""
    return lambda reader: reader.pairs(f"SELECT {sql}")


def nearest_rank(share: str) -> str:
    """Return an expression for a percentile by the nearest rank."""
    return f"arraySort(groupArray(wall_ms))[toUInt64(ceil({share} * count()))] {TIMED}"


ASKED: dict[str, Callable[[Reader], Any]] = {
    "messages": ask(f"count() {FACTS}"),
    "tokens": ask(f"{SUMS} {FACTS}"),
    "daily_messages": ask(f"count() FROM messages {MINE} AND has(counts_in, 'daily')"),
    "session_messages": ask(f"count() FROM messages {MINE} AND has(counts_in, 'session')"),
    "session_tokens": ask(f"{SUMS} FROM messages {MINE} AND has(counts_in, 'session')"),
    "cache_5m": ask(f"sum(cache_creation_5m_tokens) {FACTS}"),
    "cache_1h": ask(f"sum(cache_creation_1h_tokens) {FACTS}"),
    "subagent_messages": ask(f"countIf(is_subagent) {FACTS}"),
    "subagent_tokens": ask(f"sumIf(total_tokens, is_subagent) {FACTS}"),
    "models": pairs(f"model, count() {FACTS} GROUP BY model"),
    "final": ask(f"[countIf(output_is_final), count()] {FACTS} AND model != '<synthetic>'"),
    "final_by_version": pairs(
        f"claude_version, [countIf(output_is_final), count()] AS final {FACTS} GROUP BY claude_version"
    ),
    "daily": pairs(f"toString(date), sum(total_tokens) FROM messages {MINE} AND has(counts_in, 'daily') GROUP BY date"),
    "ccusage_sessions": ask(
        f"uniqExact(project, session_id) FROM messages {MINE} AND has(counts_in, 'session') AND total_tokens > 0"
    ),
    "calls": ask(f"count() {CALLS}"),
    "no_result": ask(f"countIf(status = 'unfinished') {CALLS}"),
    "errors": ask(f"countIf(error_class != '') {CALLS}"),
    "by_class": pairs(f"error_class, count() {CALLS} AND error_class != '' GROUP BY error_class"),
    "denied": ask(f"countIf(status = 'denied') {CALLS}"),
    "interrupted": ask(f"countIf(status = 'interrupted') {CALLS}"),
    "timed": ask(f"count() {TIMED}"),
    "p50_ms": ask(nearest_rank("0.5")),
    "p95_ms": ask(nearest_rank("0.95")),
    "lines": pairs(
        f"tool, [toInt64(countIf(status = 'ok')), sum(lines_added), sum(lines_removed)] AS lines {CALLS}"
        " AND tool IN ('Edit', 'MultiEdit', 'Write') GROUP BY tool"
    ),
    "turns": ask(f"count() {TURNS}"),
    "kinds": pairs(f"kind, count() {TURNS} GROUP BY kind"),
    "with_messages": ask(f"countIf(messages > 0) {TURNS}"),
    "turn_messages": ask(f"sum(messages) {TURNS}"),
    "turn_calls": ask(f"sum(tool_calls) {TURNS}"),
    "duration_sum_ms": ask(f"sum(duration_ms) {TURNS}"),
    "api_errors": ask(f"countIf(kind = 'api_error') {EVENTS}"),
    "api_by_class": pairs(f"detail, count() {EVENTS} AND kind = 'api_error' GROUP BY detail"),
    "limit_hits": ask(f"countIf(kind = 'limit') {EVENTS}"),
    "retries": ask(f"countIf(kind = 'retry') {EVENTS}"),
    "retry_wait_ms": ask(f"sum(wait_ms) {EVENTS} AND kind = 'retry'"),
    "retry_by_status": pairs(f"detail, count() {EVENTS} AND kind = 'retry' GROUP BY detail"),
    "interrupts": ask(f"countIf(kind = 'interrupt') {EVENTS}"),
    "interrupts_for_tool_use": ask(f"countIf(kind = 'interrupt' AND detail = 'tool_use') {EVENTS}"),
    "compactions": ask(f"countIf(kind = 'compaction') {EVENTS}"),
    "pre_tokens": ask(f"sum(tokens_before) {EVENTS} AND kind = 'compaction'"),
    "by_trigger": pairs(f"detail, count() {EVENTS} AND kind = 'compaction' GROUP BY detail"),
    "microcompactions": ask(f"countIf(kind = 'microcompaction') {EVENTS}"),
    "tokens_saved": ask(f"sum(tokens_before - tokens_after) {EVENTS} AND kind = 'microcompaction'"),
    "resets_at": lambda reader: [
        at and int(at.timestamp())
        for (at,) in reader.warehouse.rows(
            f"SELECT resets_at {EVENTS} AND kind = 'limit' ORDER BY resets_at NULLS FIRST", {"machine": reader.machine}
        )
    ],
    "commands": lambda reader: _by_command(reader, "count()"),
    "by_command": lambda reader: _by_command(
        reader,
        "(sum(messages), [sum(input_tokens), sum(output_tokens), sum(cache_creation_tokens), sum(cache_read_tokens)])",
    ),
}
# What is said of the lines, once for each reading.
OF_LINES = {"not_json": ("not_json", "half"), "not_object": ("not_object",), "joined": ("joined",)}
# Kinds that make no facts: records are not kept, and a command that is a system record starts no turn.
NOT_ASKED = {"records", "local_commands"}


def _by_command(reader: Reader, value: str) -> dict[str, Any]:
    """Return values by command; a custom one is stored as a pseudonym."""
    names = {reader.configuration.settings.pseudonyms().blind("command", name): name for name in ("/deploy", "/review")}
    rows = reader.pairs(f"SELECT command, {value} AS found {TURNS} AND command != '' GROUP BY command")
    return {names.get(name, name): list(found) if isinstance(found, tuple) else found for name, found in rows.items()}


@pytest.mark.parametrize("group", sorted(EXPECTED))
def test_each_step_gives_the_facts_that_were_worked_out_by_hand(opened: ClickHouse, tmp_path: Path, group: str) -> None:
    reader, tree = Reader(opened, tmp_path / "home", machine=group), tmp_path / "tree"

    for step, expected in EXPECTED[group].items():
        become(tree, GROUPS / group / step)
        read = reader.read(tree)

        wanted: dict[str, Any] = {**expected, **KEPT.get((group, step), {})}
        found = {name: ASKED[name](reader) for name in wanted if name in ASKED}
        found |= {
            name: sum(read.bad_lines[kind] for kind in kinds) for name, kinds in OF_LINES.items() if name in wanted
        }
        assert found == {name: value for name, value in wanted.items() if name not in NOT_ASKED}


@pytest.mark.parametrize("group", some_of(sorted(EXPECTED), *range(0, len(EXPECTED), 10)))
def test_reading_everything_again_without_a_cursor_changes_nothing(
    opened: ClickHouse, tmp_path: Path, group: str
) -> None:
    reader, tree = Reader(opened, tmp_path / "home", machine=f"again {group}"), tmp_path / "tree"
    for step in EXPECTED[group]:
        become(tree, GROUPS / group / step)
        reader.read(tree)
    views = ("messages", "tool_calls", "turns", "events", "hourly")
    before = {view: reader.one(f"SELECT arraySort(groupArray(tuple(*))) FROM {view} {MINE}") for view in views}

    reader.cursor.unlink()
    again = reader.read(tree)

    assert again.new.total() == 0
    assert {view: reader.one(f"SELECT arraySort(groupArray(tuple(*))) FROM {view} {MINE}") for view in views} == before


@pytest.mark.parametrize("number", ["-1", "0.5", "1e300", "1e400", str(2**64), str(10**400)])
def test_whatever_the_numbers_are_all_records_are_read(opened: ClickHouse, tmp_path: Path, number: str) -> None:
    reader, lines = Reader(opened, tmp_path / "home", machine=f"all {len(number)} {number[:9]}"), 0
    for transcript in sorted(GROUPS.rglob("*.jsonl")):
        records = [json.dumps(_numbered(record)) for record in _records(transcript)]
        place = tmp_path / "tree/projects" / "-".join(transcript.relative_to(GROUPS).parts[:-1]) / transcript.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text("".join(record.replace(json.dumps(MARK), number) + "\n" for record in records))
        lines += len(records)

    read = reader.read(tmp_path / "tree")

    assert (read.error, read.lines) == (None, lines)
    assert "not_json" not in read.bad_lines
    assert read.new["messages"] > 100
    assert reader.one(f"SELECT sum(total_tokens) FROM messages {MINE}") == 0


MARK = "a number"


def _records(transcript: Path) -> Iterator[Any]:
    for line in transcript.read_bytes().splitlines():
        with suppress(ValueError):
            yield json.loads(line)


def _numbered(value: Any) -> Any:
    """Return a value with a mark in the place of each number."""
    if isinstance(value, dict):
        return {name: _numbered(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_numbered(part) for part in value]
    return MARK if isinstance(value, int | float) and not isinstance(value, bool) else value

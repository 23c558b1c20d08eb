"""Sums over messages against what the pinned ccusage prints, to the token, in four time zones."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.warehouse.clickhouse_client import ClickHouse
from tests.conftest import CORPORA
from tests.support.ccusage_install import without_launcher
from tests.support.exhaustive import some_of
from tests.support.facts import LARGER, Reader, Tokens, name_of

# The last one, farthest from UTC, tells most of what the others do.
ZONES = ["UTC", "America/New_York", "Asia/Kolkata", "Pacific/Auckland"]
SYNTHETIC = "<synthetic>"
BLOCK = timedelta(hours=5)
ALL = [*LARGER, *sorted((CORPORA / "facts").glob("*/?"))]


def _printed(ccusage: Path, root: Path, report: str, zone: str, home: Path) -> list[dict[str, Any]]:
    done = subprocess.run(
        [without_launcher(ccusage), "claude", report, "--json", "--offline", "--timezone", zone],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "CLAUDE_CONFIG_DIR": str(root), "TZ": "UTC"},
        capture_output=True,
        check=True,
        timeout=60,
    )
    printed = json.loads(done.stdout or b"[]")
    rows = next((value for value in printed.values() if isinstance(value, list)), []) if printed else []
    return list(rows)


def _tokens(row: dict[str, Any]) -> Tokens:
    names = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens")
    created = row.get("cacheCreationTokens", row.get("cacheCreationInputTokens", 0))
    read = row.get("cacheReadTokens", row.get("cacheReadInputTokens", 0))
    return row[names[0]], row[names[1]], created, read


def _sum(rows: Iterator[tuple[Any, Tokens]]) -> dict[Any, Tokens]:
    sums: dict[Any, Tokens] = defaultdict(lambda: (0, 0, 0, 0))
    for key, (some, more, created, read) in rows:
        known = sums[key]
        sums[key] = (known[0] + some, known[1] + more, known[2] + created, known[3] + read)
    return dict(sums)


@pytest.mark.parametrize("corpus", ALL, ids=name_of)
@pytest.mark.parametrize("zones", some_of([ZONES[:3], ZONES[3:]], 1), ids=",".join)
def test_messages_add_up_to_every_report(
    opened: ClickHouse, tmp_path: Path, ccusage20: Path, corpus: Path, zones: Sequence[str]
) -> None:
    root = tmp_path / "claude"
    shutil.copytree(corpus, root)
    columns = (
        "at, session_id, project, model, (input_tokens, output_tokens,"
        " cache_creation_5m_tokens + cache_creation_1h_tokens, cache_read_tokens) AS tokens"
    )

    for zone in zones:
        reader = Reader(opened, tmp_path / "home", f"{corpus} {zone}", timezone=zone, hashes=False)
        reader.cursor.unlink(missing_ok=True)
        reader.read(root)
        mine = {"machine": reader.machine}
        days = opened.rows(
            "SELECT toString(date), model, tokens, date FROM (SELECT *, (input_tokens, output_tokens,"
            " cache_creation_5m_tokens + cache_creation_1h_tokens, cache_read_tokens) AS tokens FROM messages)"
            " WHERE machine = {machine:String} AND has(counts_in, 'daily')",
            mine,
        )
        printed = _printed(ccusage20, root, "daily", zone, tmp_path)
        assert _sum((row[0], row[2]) for row in days) == {
            row.get("date") or row["period"]: _tokens(row) for row in printed
        }
        assert _sum(((row[0], row[1]), row[2]) for row in days if row[1] not in ("", SYNTHETIC)) == {
            (row.get("date") or row["period"], part["modelName"]): _tokens(part)
            for row in printed
            for part in row["modelBreakdowns"]
        }

    counted = opened.rows(
        f"SELECT {columns} FROM messages WHERE machine = {{machine:String}} AND has(counts_in, 'session') ORDER BY at",
        mine,
    )
    assert _of_sessions((row[2], row[1], row[4]) for row in counted) == _printed_sessions(ccusage20, root, tmp_path)
    assert _sum(iter(_in_blocks([(row[0], row[4]) for row in counted]))) == {
        row["startTime"]: _tokens(row["tokenCounts"])
        for row in _printed(ccusage20, root, "blocks", "UTC", tmp_path)
        if not row.get("isGap")
    }


@pytest.mark.parametrize("corpus", [CORPORA / "transcripts-edge", CORPORA / "june"], ids=name_of)
def test_names_are_those_of_ccusage_below_a_folder_named_projects(
    opened: ClickHouse, tmp_path: Path, ccusage20: Path, corpus: Path
) -> None:
    root = tmp_path / "projects" / "shop" / "claude"
    shutil.copytree(corpus, root)
    reader = Reader(opened, tmp_path / "home", f"{corpus} below projects", hashes=False)

    reader.read(root)

    columns = "input_tokens, output_tokens, cache_creation_5m_tokens + cache_creation_1h_tokens, cache_read_tokens"
    rows = opened.rows(
        f"SELECT project, session_id, ({columns}) FROM messages WHERE machine = {{machine:String}}"
        " AND has(counts_in, 'session')",
        {"machine": reader.machine},
    )
    assert _of_sessions(iter(rows)) == _printed_sessions(ccusage20, root, tmp_path)


def _of_sessions(messages: Iterator[Sequence[Any]]) -> dict[Any, Tokens]:
    sums = _sum(((project, session), tokens) for project, session, tokens in messages)
    return {key: tokens for key, tokens in sums.items() if any(tokens)}


def _printed_sessions(ccusage: Path, root: Path, home: Path) -> dict[Any, Tokens]:
    printed = _printed(ccusage, root, "session", "UTC", home)
    return _sum(((row["projectPath"], row["sessionId"]), _tokens(row)) for row in printed)


def _in_blocks(messages: list[tuple[datetime, Tokens]]) -> Iterator[tuple[str, Tokens]]:
    """Yield messages with the start of their five-hour block."""
    start = previous = datetime.min.replace(tzinfo=UTC)
    for at, tokens in messages:
        if at - start > BLOCK or at - previous > BLOCK:
            start = at.replace(minute=0, second=0, microsecond=0)
        previous = at
        yield start.strftime("%Y-%m-%dT%H:%M:%S.000Z"), tokens

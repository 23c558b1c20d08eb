"""The model of ccusage prints what the real one prints of the same transcripts."""

from __future__ import annotations

import json
import os
import random
import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.ccusage_install import install_ccusage, wanted_version
from tests.support.exhaustive import some_of
from tests.worlds.ccusage_model import (
    EIGHTEEN,
    OPUS,
    REPORTS,
    SONNET,
    USUAL,
    File,
    Line,
    Reading,
    Tokens,
    Transcript,
    Tree,
    document,
    entries,
)

ZONES = ("UTC", "America/New_York", "Asia/Tokyo")
COUNTED = ("inputTokens", "outputTokens", "cacheCreationTokens", "cacheReadTokens", "totalTokens")


def tree_at_random(chance: random.Random) -> Tree:
    """Return transcripts of a few days: resumed and copied sessions, two projects, messages that grow."""
    tree: Tree = {}
    at = datetime(2026, 3, 1, 20, tzinfo=UTC)
    for number in range(chance.randint(5, 40)):
        at += timedelta(minutes=chance.choice((1, 20, 60, 170, 300, 420, 1500)))
        name = chance.choice("abcd")
        project = "-home-ana-shop" if name in "ab" else "-home-ana-store"
        file = File("one", project, name, chance.choice(("", "agent-1")))
        tokens = Tokens(*(chance.randrange(1000) for _ in range(4)))
        line = Line(f"m{number}", at, tokens, chance.choice((SONNET, OPUS)))
        lines = tree.setdefault(file, Transcript()).lines
        lines.append(line)
        if chance.random() < 0.2:
            at += timedelta(minutes=chance.choice((1, 90)))
            lines.append(Line(line.message, at, tokens._replace(output_tokens=tokens.output_tokens + 50), line.model))
    source = chance.choice(list(tree))
    tree[source._replace(session="copy")] = Transcript(list(tree[source].lines))
    return tree


def write(tree: Tree, root: Path) -> None:
    """Write transcripts as Claude Code does."""
    for file, transcript in tree.items():
        path = root / file.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(
            "".join(json.dumps(printed(line, file), separators=(",", ":")) + "\n" for line in transcript.lines)
        )


def printed(line: Line, file: File) -> dict[str, Any]:
    names = ("input_tokens", "output_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return {
        "timestamp": line.at.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "sessionId": file.session,
        "version": "2.0.14",
        "requestId": f"req_{line.message}",
        "message": {
            "id": f"msg_{line.message}",
            "model": line.model,
            "usage": dict(zip(names, line.tokens, strict=True)),
        },
    }


def counts(report: str, answer: Any) -> dict[tuple[str, ...], tuple[int, ...]]:
    """Return the token counts of each row of a report by its key."""
    if report == "blocks":
        found: dict[tuple[str, ...], tuple[int, ...]] = {}
        for row in answer["blocks"]:
            if not row["isGap"]:
                found[row["id"], row["actualEndTime"]] = (
                    row["totalTokens"],
                    *(row["tokenCounts"][name] for name in sorted(row["tokenCounts"])),
                )
        return found
    if report == "projects":
        rows = [(day["date"], project, day) for project, days in answer["projects"].items() for day in days]
        return {(day, project): tuple(row[name] for name in COUNTED) for day, project, row in rows}
    listed = answer[{"session": "sessions", "monthly": "monthly"}.get(report, "daily")]
    keys = {"daily": ("date",), "monthly": ("month",), "session": ("projectPath", "sessionId", "lastActivity")}[report]
    return {tuple(row[key] for key in keys): tuple(row[name] for name in COUNTED) for row in listed}


@pytest.mark.parametrize("seed", some_of(range(6), 0, 1))
@pytest.mark.parametrize("version", some_of((EIGHTEEN, USUAL), 1))
def test_the_model_counts_what_ccusage_counts(tmp_path: Path, version: str, seed: int) -> None:
    ccusage = install_ccusage(wanted_version() if version == USUAL else version)
    chance = random.Random(seed)
    tree, zone = tree_at_random(chance), ZONES[seed % len(ZONES)]
    write(tree, tmp_path)
    found = entries(tree, ["one"], version)

    for report in REPORTS:
        words = ["daily", "--instances"] if report == "projects" else [report]
        command = [str(ccusage), *([] if version == EIGHTEEN else ["claude"]), *words]
        answer = subprocess.run(
            [*command, "--json", "--offline", "--timezone", zone],
            env={**os.environ, "CLAUDE_CONFIG_DIR": str(tmp_path / "one"), "HOME": str(tmp_path)},
            capture_output=True,
            check=True,
            timeout=120,
        )
        offered = document(report, found, Reading(version, zone), datetime(2026, 6, 1, tzinfo=UTC))
        assert counts(report, json.loads(answer.stdout)) == counts(report, offered), report

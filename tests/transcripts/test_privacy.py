"""Nothing that people or models wrote is in any column of the facts."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.warehouse.migrations import FACT_TABLES
from tests.conftest import CORPORA, Place
from tests.support.exhaustive import some_of
from tests.support.facts import MORE_CORPORA, Reader

# Fields whose values are of closed lists; all other texts of a record are private.
PUBLIC = frozenset((
    "backupTime", "code", "entrypoint", "error", "hookEvent", "id", "inference_geo", "kind", "leafUuid", "level",
    "logicalParentUuid", "messageId", "mode", "model", "name", "operation", "overageStatus", "parentToolUseID",
    "parentUuid", "permissionMode", "promptId", "rateLimitType", "requestId", "role", "service_tier",
    "snapshotUpdateTime", "sourceToolAssistantUUID", "speed", "status", "stop_reason", "stop_sequence", "subtype",
    "timestamp", "toolUseID", "tool_use_id", "trigger", "type", "userType", "uuid", "version",
))  # fmt: skip
# Words of closed lists that also occur in texts.
SHARED = re.compile(
    r"claude|sonnet|opus|haiku|standard|text|tool|use|auto|manual|daily|session|read|write|edit|answer|server|limit|task"
    r"|default|plan|error|interrupt|compaction|command|missing|other|deploy|clear|model|exit|compact|review|login|agent"
    r"|explore|bash|json|external|done|test|file|main"
    r"|code|denied|false|hour|overloaded|permission|remote|sequence|sibling|since|stop|toml|true|turn|user|websearch|yaml"
)


def _texts(value: Any, name: str = "") -> Iterator[tuple[bool, str]]:
    """Yield each text with whether it is of a closed list."""
    if isinstance(value, dict):
        for key, part in value.items():
            yield from _texts(part, key)
    elif isinstance(value, list):
        for part in value:
            yield from _texts(part, name)
    elif isinstance(value, str):
        yield name in PUBLIC, value


def _in(text: str) -> set[str]:
    return {word for word in re.findall(r"[^\W\d_]{4,}", text.lower()) if not SHARED.fullmatch(word)}


def _private_words(root: Path) -> set[str]:
    words: dict[bool, set[str]] = {False: set(), True: set()}
    for file in root.rglob("*.jsonl"):
        for line in file.read_text("utf-8", "replace").split("\n"):
            try:
                texts = list(_texts(json.loads(line)))
            except ValueError:
                texts = [(False, line)]
            for is_public, text in texts:
                words[is_public] |= _in(text)
    return words[False] - words[True]


@pytest.mark.parametrize(
    "corpus",
    some_of(
        [
            CORPORA / "facts",
            CORPORA / "june",
            CORPORA / "september",
            *([Path(MORE_CORPORA) / "real" / "2026-01"] if MORE_CORPORA else []),
        ],
        0,
        1,
    ),
    ids=lambda path: path.name,
)
def test_no_word_of_a_transcript_is_in_any_column(
    tmp_path: Path, embedded: Callable[[str], Place], corpus: Path
) -> None:
    roots = [path.parent for path in corpus.rglob("projects")]
    with embedded("warehouse").opened() as opened:
        Reader(opened, tmp_path / "home").read(*roots)
        stored = {
            value
            for table in FACT_TABLES
            for (value,) in opened.rows(
                f"SELECT DISTINCT arrayJoin(splitByChar('\\t', formatRowNoNewline('TSV', *))) FROM {table}"
            )
        }

    private = _private_words(corpus)
    assert private
    assert {word for value in stored for word in _in(value)} & private == set()
    assert [value for value in stored if "/home" in value or "://" in value] == []

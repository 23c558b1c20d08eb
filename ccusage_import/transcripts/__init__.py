"""Transcripts as a source: lines to facts, read once and incrementally."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator


def walk(directory: str, unreadable: Counter[str]) -> Iterator[tuple[str, os.stat_result]]:
    """Return the transcripts below a directory, their sizes and times; as ccusage, it does not follow links."""
    try:
        with os.scandir(directory) as entries:
            found = list(entries)
    except OSError:
        unreadable["directory"] += 1
        return
    for entry in found:
        try:
            if entry.is_dir(follow_symlinks=False):
                yield from walk(entry.path, unreadable)
            elif entry.name.endswith(".jsonl") and entry.name != ".jsonl" and entry.is_file(follow_symlinks=False):
                yield entry.path, entry.stat(follow_symlinks=False)
        except OSError:
            unreadable["file"] += 1

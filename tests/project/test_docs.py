"""What the documents say is held against the repository."""

from __future__ import annotations

import ast
import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text("utf-8")


def test_each_promise_names_a_test_that_exists() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", RELIABILITY)
    promises = [line for line in RELIABILITY.splitlines() if line.startswith("| ") and not line.startswith("| promise")]

    assert len(named) == len(promises) > 30
    for file, name in named:
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"

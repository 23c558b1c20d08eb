"""Which tests a change asks for: those that mirror the modules that differ from main, on the embedded warehouse."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
# Packages that no directory of tests is named after.
ELSEWHERE = {"steps": "importer", "ui": "cli"}
OF_SQL = {
    "queries": ["tests/querying"],
    "views": ["tests/warehouse", "tests/querying"],
    "parts": ["tests/warehouse", "tests/querying"],
    "windows": ["tests/querying", "tests/warehouse"],
    "digest": ["tests/digest", "tests/querying/test_answers.py", "tests/querying/test_filters.py"],
    "compact": ["tests/history"],
}


def select(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep the tests that the changed files ask for, and drop those that need a server."""
    wanted = set(asked_for(changed_files()))
    kept = [item for item in items if _is_wanted(item, wanted)]
    config.hook.pytest_deselected(items=[item for item in items if item not in set(kept)])
    items[:] = kept


def changed_files() -> list[str]:
    """Return the files that differ from where this branch left main, committed or not."""
    base = _git("merge-base", "main", "HEAD")[0]
    return sorted({*_git("diff", "--name-only", base), *_git("ls-files", "--others", "--exclude-standard")})


def asked_for(files: Sequence[str]) -> Iterator[str]:
    """Return the directories and files of tests that mirror changed files."""
    for file in files:
        top, _, rest = file.partition("/")
        if top == "tests" and rest.rpartition("/")[2].startswith("test_"):
            yield file
        elif top == "ccusage_import":
            package, slash, _ = rest.partition("/")
            yield f"tests/{ELSEWHERE.get(package, package)}" if slash else "tests/importer"
            yield "tests/project/test_values.py"
        elif top == "sql":
            yield from OF_SQL.get(rest.partition("/")[0], ["tests/warehouse"])
        elif top != "tests":
            yield "tests/project"


def _is_wanted(item: pytest.Item, wanted: set[str]) -> bool:
    file = item.path.relative_to(ROOT)
    kinds = item.nodeid.partition("[")[2].rstrip("]").split("-")
    return not {"http", "engine"} & set(kinds) and not wanted.isdisjoint(map(str, (file, *file.parents)))


def _git(*arguments: str) -> list[str]:
    return subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True).stdout.splitlines()

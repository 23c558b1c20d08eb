"""Changes the program in one place at a time and asks whether its tests notice: what nobody notices is not tested.

    python -m tests.support.mutants ccusage_import/rule [--count 300] [--seed 1] [--jobs 2] [--tests tests/rule ...]

Python files get other comparisons, and for or, any for all, other constants and the like; SQL files lose conditions,
orders and joins. The tests are those that mirror the file, unless they are named; those of its name come first, then
those that name it, so that most mutants are noticed in seconds. Each worker has a copy of the repository of its own.
Survivors are printed with their line; the exit code is 1 where more than one in twenty survive.
"""

from __future__ import annotations

import argparse
import ast
import inspect
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import deepcopy
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

from tests.support.changed import ROOT, asked_for

SECONDS = 900
# A mutant that takes this much longer than the program itself goes on for ever, and is noticed.
PATIENCE, LEAST_SECONDS = 10, 60
PLUGIN = "tests.support.mutants"
# In the environment of tests: the file that has changed, without its ending.
NAME = "CCUSAGE_IMPORT_MUTANT_OF"
MOST_SURVIVORS = 0.05
COMPARISONS: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
CONNECTIVES: dict[type[ast.boolop], type[ast.boolop]] = {ast.And: ast.Or, ast.Or: ast.And}
ARITHMETIC: dict[type[ast.operator], type[ast.operator]] = {ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv}
# What no test can notice: they are for whoever changes the code.
FLAGS = {"frozen", "kw_only", "slots", "strict"}
CALLS = {"all": "any", "any": "all", "min": "max", "max": "min"}
# What is found in a line of SQL, and what takes its place.
SQL = (
    (r"^(\s*)AND .*$", r"\1"),
    (r"\bWHERE .*$", "WHERE true"),
    (r"\bHAVING .*$", ""),
    (r" DESC\b", ""),
    (r"\bsum\(", "max("),
    (r"\bmin\(", "max("),
    (r"\bmax\(", "min("),
    (r" >= ", " > "),
    (r" <= ", " < "),
    (r" < ", " <= "),
    (r" > ", " >= "),
    (r" = ", " != "),
    (r"\bLEFT JOIN\b", "INNER JOIN"),
    (r" \+ ", " - "),
    (r" - ", " + "),
    (r"\b1\b", "2"),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One file with one change."""

    file: str
    line: int
    change: str
    text: str


def mutants_of(file: str) -> Iterator[Mutant]:
    """Yield a file of the repository with each change that can be made to it."""
    text = (ROOT / file).read_text("utf-8")
    yield from _of_python(file, text) if file.endswith(".py") else _of_sql(file, text)


def _of_python(file: str, text: str) -> Iterator[Mutant]:
    whole = list(ast.walk(ast.parse(text)))
    flags = {id(node.value) for node in whole if isinstance(node, ast.keyword) and node.arg in FLAGS}
    places = [place for place, node in enumerate(whole) if id(node) not in flags and _changed(node)]
    for place in places:
        tree = ast.parse(text)
        node = next(node for number, node in enumerate(ast.walk(tree)) if number == place)
        before = ast.unparse(node)
        other = _changed(node)
        if other is not None:
            node.__dict__.update(other.__dict__)
            line: int = getattr(node, "lineno", 0)
            yield Mutant(file, line, f"{before} -> {ast.unparse(node)}", ast.unparse(tree))


def _changed(node: ast.AST) -> ast.AST | None:
    """Return a node with another meaning; None where there is none."""
    other = deepcopy(node)
    match other:
        case ast.Compare(ops=[operator, *rest]):
            other.ops = [COMPARISONS[type(operator)](), *rest]
        case ast.BoolOp(op=connective):
            other.op = CONNECTIVES[type(connective)]()
        case ast.BinOp(op=operator) if type(operator) in ARITHMETIC:
            other.op = ARITHMETIC[type(operator)]()
        case ast.UnaryOp(op=ast.Not()):
            other.op, other.operand = ast.Not(), ast.UnaryOp(ast.Not(), other.operand)
        case ast.Call(func=ast.Name(id=name)) if name in CALLS:
            other.func = ast.Name(CALLS[name])
        case ast.Constant(value=bool() as value):
            other.value = not value
        case ast.Constant(value=int() as value):
            other.value = value + 1
        case ast.comprehension(ifs=[_, *rest]):
            other.ifs = rest
        case _:
            return None
    return other


def _of_sql(file: str, text: str) -> Iterator[Mutant]:
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if line.lstrip().startswith(("--", "COMMENT")) or " COMMENT '" in line:
            continue
        for pattern, other in SQL:
            for found in re.finditer(pattern, line):
                changed = line[: found.start()] + found.expand(other) + line[found.start() + _inside(found[0]) :]
                whole = "\n".join([*lines[:number], changed, *lines[number + 1 :]])
                if changed != line and whole.count("(") == whole.count(")"):
                    yield Mutant(file, number + 1, f"{line.strip()} -> {changed.strip()}", whole)


def _inside(text: str) -> int:
    """Return where the bracket closes in which a text begins; its length if nowhere."""
    depth = 0
    for place, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth < 0:
            return place
    return len(text)


def pytest_collection_modifyitems(items: list[pytest.Function]) -> None:
    """Let the tests of the file that has changed run first, then those that name it, then the one of all answers."""
    stem = os.environ[NAME].removesuffix("_since")
    name, source = re.compile(rf"\b{stem}\b"), cache(inspect.getsource)

    def distance(item: pytest.Function) -> tuple[bool, bool, bool]:
        is_named = name.search(item.nodeid) or name.search(source(item.function))
        return item.path.stem != f"test_{stem}", not is_named, item.path.name != "test_answers.py"

    items.sort(key=distance)


class Lab:
    """Copies of the repository, one for each worker, in which mutants are tried."""

    def __init__(self, directory: Path, tests: Iterable[str] = ()) -> None:
        self._directory, self._tests = directory, list(tests)
        self._mine = threading.local()
        self.seconds: float = SECONDS

    def survives(self, mutant: Mutant) -> bool:
        """Return whether the tests pass with a mutant."""
        copy = self._copy()
        whole = (ROOT / mutant.file).read_text("utf-8")
        (copy / mutant.file).write_text(mutant.text, "utf-8")
        try:
            return self.passes([mutant.file])
        finally:
            (copy / mutant.file).write_text(whole, "utf-8")

    def passes(self, files: Sequence[str]) -> bool:
        """Return whether the tests of files pass."""
        tests = self._tests or sorted(set(asked_for(files)))
        command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", "-p", PLUGIN, *tests]
        if all(file.endswith(".sql") for file in files):
            # Each filter of the queries is asked by tests that are exhaustive.
            command += ["-m", ""]
        environ = {
            **os.environ, "PYTHONPATH": str(self._copy()), "PYTHONDONTWRITEBYTECODE": "1", NAME: Path(files[0]).stem,
        }  # fmt: skip
        try:
            done = subprocess.run(
                command, cwd=self._copy(), env=environ, capture_output=True, check=False, timeout=self.seconds
            )
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def _copy(self) -> Path:
        if not hasattr(self._mine, "copy"):
            self._mine.copy = Path(tempfile.mkdtemp(dir=self._directory))
            command = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
            listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
            for file in listed.stdout.splitlines():
                if (ROOT / file).is_file():
                    (self._mine.copy / file).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy(ROOT / file, self._mine.copy / file)
        return Path(self._mine.copy)


def main() -> int:
    """Try mutants of what the command line names."""
    parser = argparse.ArgumentParser(prog="python -m tests.support.mutants")
    parser.add_argument("paths", nargs="+", help="files or folders of the package or of sql/")
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--tests", nargs="+", help="default: those that mirror the files")
    chosen = parser.parse_args()
    tracked = subprocess.run(["git", "ls-files", *chosen.paths], cwd=ROOT, check=True, capture_output=True, text=True)
    files = [file for file in tracked.stdout.splitlines() if file.endswith((".py", ".sql"))]
    if not files:
        parser.error(f"no Python or SQL that git knows: {', '.join(chosen.paths)}")
    mutants = [mutant for file in files for mutant in mutants_of(file)]
    some = random.Random(chosen.seed).sample(mutants, min(chosen.count, len(mutants)))
    with tempfile.TemporaryDirectory() as directory, ThreadPoolExecutor(chosen.jobs) as workers:
        lab = Lab(Path(directory), chosen.tests or ())
        begun = time.monotonic()
        if not lab.passes(files):
            print("the tests fail without any change")
            return 2
        lab.seconds = min(SECONDS, max(LEAST_SECONDS, PATIENCE * (time.monotonic() - begun)))
        survivors = 0
        for mutant, survives in zip(some, workers.map(lab.survives, some), strict=True):
            if survives:
                survivors += 1
                print(f"{mutant.file}:{mutant.line}: {mutant.change}", flush=True)
    print(f"{len(some) - survivors} of {len(some)} mutants were noticed, of {len(mutants)} that there are")
    return int(survivors > MOST_SURVIVORS * len(some))


if __name__ == "__main__":
    sys.exit(main())

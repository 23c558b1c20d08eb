"""What the documents say is held against the repository."""

from __future__ import annotations

import ast
import re
import tomllib
from pathlib import Path

import pytest

from ccusage_import.versions import OLDEST_SUPPORTED, PINNED_VERSION
from ccusage_import.warehouse.driver.server import OLDEST_SERVER
from tests.support.changed import asked_for
from tests.support.reference import FILE, reference

ROOT = Path(__file__).parent.parent.parent
RELIABILITY = (ROOT / "docs" / "reliability.md").read_text("utf-8")


def test_each_promise_names_a_test_that_exists() -> None:
    name_of_a_test = re.compile(r"`(tests/[\w/]+\.py)::(\w+)`")
    table = RELIABILITY.partition("\n## What imports survive")[0]
    promises = [line for line in table.splitlines() if line.startswith("| ") and not line.startswith("| promise")]

    assert len(promises) > 30
    assert [line for line in promises if len(name_of_a_test.findall(line)) != 1] == []
    for file, name in name_of_a_test.findall(RELIABILITY):
        tree = ast.parse((ROOT / file).read_text("utf-8"))
        assert name in {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}, f"{file}::{name}"


def test_the_reference_is_current() -> None:
    assert FILE.read_text("utf-8") == reference(), "python -m tests.support.reference writes it anew"


def test_the_sdist_holds_what_the_readme_links_to() -> None:
    build = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]["hatch"]["build"]["targets"]["sdist"]
    links = re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / "README.md").read_text("utf-8"))

    assert {target.partition("/")[0] for target in links} <= set(build["include"])


def test_every_link_leads_somewhere() -> None:
    for page in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *(ROOT / "docs").glob("*.md")]:
        for target in re.findall(r"\]\((?!https?://)([^)#]+)", page.read_text("utf-8")):
            assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_pages_name_the_versions_of_the_program() -> None:
    ccusage, configuration = ((ROOT / "docs" / page).read_text("utf-8") for page in ("ccusage.md", "configuration.md"))
    oldest = "{}.{}".format(*OLDEST_SUPPORTED)
    newest = PINNED_VERSION.partition(".")[0]

    assert set(re.findall(r"install (\d+\.\d+\.\d+)", ccusage)) == {PINNED_VERSION}
    assert set(re.findall(r"(\d+\.\d+) to (\d+)", ccusage)) == {(oldest, newest)}
    assert set(re.findall(r"ClickHouse (\d+\.\d+) or newer", configuration)) == {".".join(map(str, OLDEST_SERVER))}


@pytest.mark.parametrize(
    ("changed", "asked"),
    [
        ("ccusage_import/history/push.py", "tests/history tests/project/test_values.py"),
        ("ccusage_import/importer.py", "tests/importer tests/project/test_values.py"),
        ("ccusage_import/steps/judging.py", "tests/importer tests/project/test_values.py"),
        ("ccusage_import/ui/summary.py", "tests/cli tests/project/test_values.py"),
        ("sql/migrations/0001_tables.sql", "tests/warehouse"),
        ("sql/views/daily.sql", "tests/warehouse tests/querying"),
        ("sql/queries/daily.sql", "tests/querying"),
        ("sql/digest/days.sql", "tests/digest tests/querying/test_answers.py tests/querying/test_filters.py"),
        ("tests/cli/test_query.py", "tests/cli/test_query.py"),
        ("docs/rule.md", "tests/project"),
    ],
)
def test_the_fast_loop_runs_what_mirrors_a_change(changed: str, asked: str) -> None:
    assert list(asked_for([changed])) == asked.split()


def test_every_module_and_query_is_mirrored_by_tests_that_there_are() -> None:
    files = [str(file.relative_to(ROOT)) for top in ("ccusage_import", "sql") for file in (ROOT / top).rglob("*.*")]
    assert [asked for asked in sorted(set(asked_for(files))) if not (ROOT / asked).exists()] == []

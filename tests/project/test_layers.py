"""Each library has one home; that imports point down is what import-linter checks."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "ccusage_import"
TESTS = Path(__file__).parent.parent
HOMES = {
    "clickhouse_connect": {
        "warehouse/clickhouse_client",
        "warehouse/driver/answers",
        "warehouse/driver/embedded",
        "warehouse/driver/loading",
        "warehouse/driver/server",
        "serving/native",
    },
    "chdb": {"warehouse/driver/embedded"},
    "tenacity": {"ccusage/fetcher"},
    "jinja2": {"digest/html"},
    "icalendar": {"digest/ics"},
    "platformdirs": {"config/directories", "statusline/line"},
    "tzlocal": {"config/kept/identity"},
    "prometheus_client": {"monitoring/metrics"},
    "tomlkit": {"config/file"},
    "urllib3": {"monitoring/http_calls", "warehouse/driver/answers", "warehouse/driver/server"},
    "lz4": {"serving/framing", "warehouse/driver/server"},
    "clickhouse_cityhash": {"serving/framing"},
    "starlette": {"serving/http", "serving/server"},
    "uvicorn": {"serving/server"},
    "typer": {
        "cli/app",
        "cli/audit",
        "cli/backup",
        "cli/outlook/budget",
        "cli/outlook/predict",
        "cli/outlook/quota",
        "cli/chart/command",
        "cli/setup/config",
        "cli/setup/init",
        "cli/export/raw",
        "cli/export/tables",
        "cli/health",
        "cli/imports",
        "cli/live/serve",
        "cli/live/statusline",
        "cli/live/watch",
        "cli/options",
        "cli/query",
        "cli/report",
        "cli/selecting",
        "cli/setup/schedule",
        "cli/verify",
        "cli/warehouse",
    },
    "rich": {
        "ui/answers",
        "ui/console",
        "ui/progress",
        "ui/summary",
        "ui/tables",
        "cli/outlook/budget",
        "cli/outlook/quota",
        "cli/health",
        "cli/live/page",
        "cli/chart/bars",
        "cli/export/raw",
        "cli/export/tables",
    },
    "watchfiles": {"live/listening"},
    "mcp": {"cli/live/mcp_server"},
    "mcp_types": {"cli/live/mcp_server"},
    "click": set(),
}
SINKS = {"add", "remove", "configure"}
MODULES = sorted(PACKAGE.rglob("*.py"))
SOURCES = sorted([*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")])


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), path.name)


@cache
def imported_by(path: Path) -> frozenset[str]:
    """Every module that a file imports, wherever in it, by its full name."""
    return frozenset(_imported_by(path))


def _imported_by(path: Path) -> Iterator[str]:
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: a relative import"
            yield str(node.module)
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif name := called_import(node):
            yield name


def called_import(node: ast.AST) -> str:
    """The module of `import_module("module")`, however it is reached."""
    match node:
        case ast.Call(
            func=ast.Attribute(attr="import_module") | ast.Name(id="import_module"), args=[ast.Constant(str(name))]
        ):
            return name
    return ""


def libraries_of(path: Path) -> set[str]:
    return {name.split(".")[0] for name in imported_by(path)}


def name_of(path: Path) -> str:
    return path.relative_to(PACKAGE).with_suffix("").as_posix()


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_has_its_home(library: str) -> None:
    assert {name_of(path) for path in MODULES if library in libraries_of(path)} == HOMES[library]


def test_sinks_are_made_in_one_place() -> None:
    makers = {
        name_of(path)
        for path in MODULES
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.Attribute)
        and node.attr in SINKS
        and isinstance(node.value, ast.Name)
        and node.value.id == "logger"
    }
    assert makers == {"logger"}


@pytest.mark.parametrize("banned", ["click", "unittest.mock"])
def test_no_file_imports_what_is_banned(banned: str) -> None:
    users = [
        str(path)
        for path in SOURCES
        if any(name == banned or name.startswith(f"{banned}.") for name in imported_by(path))
    ]
    assert users == []


def test_no_folder_holds_more_than_fifteen_modules() -> None:
    held = Counter(str(path.parent.relative_to(PACKAGE)) for path in MODULES)
    assert held["rule"] > 5
    assert {folder: count for folder, count in held.items() if count > 15} == {}

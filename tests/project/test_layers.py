"""Imports point down, and each library has one home."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent.parent / "ccusage_import"
TESTS = Path(__file__).parent.parent
# From the bottom to the top: a module imports only from the layers below its own.
LAYERS = [
    {"__init__", "exceptions", "records", "digest"},
    {"config_file", "warehouse_url", "file_lock", "identity", "logger", "models", "processes", "sources", "reconcile"},
    {
        "budgets",
        "notify_targets",
        "http_calls",
        "ccusage_errors",
        "pseudonyms",
        "explain",
        "statistics",
        "clickhouse_client",
        "schedule",
    },
    {"config", "parser", "runner", "migrations", "warehouse", "schedule_paths", "schedule_tools"},
    {"environment_file", "schedule_cron", "schedule_launchd", "schedule_systemd"},
    {"schedulers"},
    {
        "agents",
        "audit",
        "backup",
        "demo",
        "named_queries",
        "fetcher",
        "raw_reports",
        "unrecorded_loads",
        "verify",
        "import_summary",
        "warehouse_budgets",
    },
    {"report_text", "configured"},
    {"report_charts", "report_contents"},
    {"report_html", "report_markdown"},
    {"warehouse_facts", "heartbeat"},
    {"run_outcome", "digest_reading"},
    {"notices"},
    {"metrics", "notifications"},
    {"importer", "push"},
    {"announcements", "check_result", "replay", "status", "ui"},
    {
        "checks_ccusage",
        "checks_schedule",
        "checks_warehouse",
        "ui_audit",
        "ui_budget",
        "ui_chart",
        "ui_health",
        "ui_query",
        "cli_options",
    },
    {"checks"},
    {"cli_audit", "cli_backup", "cli_budget", "cli_health", "cli_push", "cli_query", "cli_report", "cli_schedule"},
    {"cli"},
    {"__main__"},
]
HOMES = {
    "clickhouse_connect": {"clickhouse_client"},
    "chdb": {"clickhouse_client"},
    "tenacity": {"fetcher"},
    "jinja2": {"report_html"},
    "platformdirs": {"config"},
    "tzlocal": {"identity"},
    "prometheus_client": {"metrics"},
    "tomlkit": {"config_file"},
    "urllib3": {"http_calls", "clickhouse_client"},
    "typer": {
        "cli",
        "cli_audit",
        "cli_backup",
        "cli_budget",
        "cli_health",
        "cli_options",
        "cli_push",
        "cli_query",
        "cli_report",
        "cli_schedule",
    },
    "rich": {"ui", "ui_audit", "ui_budget", "ui_chart", "ui_health", "ui_query"},
    "click": set(),
}
SINKS = {"add", "remove", "configure"}
MODULES = sorted(path.stem for path in PACKAGE.glob("*.py"))
SOURCES = sorted([*PACKAGE.rglob("*.py"), *TESTS.rglob("*.py")])


def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text("utf-8"), path.name)


def imported_by(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it, by its full name."""
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


def own_modules(path: Path) -> set[str]:
    names = [name.split(".") for name in imported_by(path)]
    return {parts[1] for parts in names if parts[0] == "ccusage_import" and len(parts) > 1} & set(MODULES)


def layer_of(module: str) -> int:
    return next((index for index, layer in enumerate(LAYERS) if module in layer), -1)


def test_every_module_has_one_layer() -> None:
    assert sorted(module for layer in LAYERS for module in layer) == MODULES


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module: str) -> None:
    for imported in own_modules(PACKAGE / f"{module}.py"):
        assert layer_of(imported) < layer_of(module), f"{module} imports {imported}"


@pytest.mark.parametrize("library", sorted(HOMES))
def test_a_library_has_its_home(library: str) -> None:
    assert {path.stem for path in PACKAGE.glob("*.py") if library in libraries_of(path)} == HOMES[library]


def test_sinks_are_made_in_one_place() -> None:
    makers = {
        path.stem
        for path in PACKAGE.glob("*.py")
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


def test_the_pure_modules_know_no_world() -> None:
    world = {"os", "subprocess", "socket", "asyncio", "time", "pathlib", "loguru", "sys"}
    for module in ("records", "reconcile", "explain", "statistics", "models", "parser"):
        assert not libraries_of(PACKAGE / f"{module}.py") & world, module

"""Writes docs/reference.md from the program: its commands, settings, views, named queries and metrics.

python -m tests.support.reference
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path

from pydantic import SecretStr
from typer.testing import CliRunner

from ccusage_import.cli.app import COMMANDS, LazyCommand, app
from ccusage_import.config.settings import Settings
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.monitoring.metrics import METRICS, PREFIX, WATCH_METRICS
from ccusage_import.querying.queries import read_queries
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations, sql_directory

FILE = Path(__file__).parent.parent.parent / "docs" / "reference.md"
TITLE = """# Reference

Made from the program by `python -m tests.support.reference`; a test compares them.
[Commands](#commands) · [Settings](#settings) · [Views](#views) · [Named queries](#named-queries) · [Metrics](#metrics)
"""
SETTINGS = """## Settings

In the TOML file under this name, in the environment as `CCUSAGE_IMPORT_` and the name in capitals.
[Configuration](configuration.md) says which of them wins.

| setting | default | meaning |
|---|---|---|"""
METRICS_TITLE = """## Metrics

All are gauges with the label `machine`; [Metrics](metrics.md) says how they leave the program.

| metric | meaning |
|---|---|"""


def reference() -> str:
    """Return the page."""
    return "\n".join([TITLE, *_commands(), *_settings(), *_views(), *_queries(), *_metrics()])


def _commands() -> Iterator[str]:
    yield "## Commands\n"
    for name, (place, summary) in COMMANDS.items():
        group = LazyCommand(name, place, summary).imported()
        inner = getattr(group, "commands", None)
        for words in [(name, each) for each in inner] if inner else [(name,)]:
            # The width of help is that of the terminal, whatever it is.
            shown = CliRunner().invoke(app, [*words, "--help"], prog_name="ccusage-import", terminal_width=100)
            assert shown.exit_code == 0, shown.output
            yield f"### {' '.join(words)}\n\n```\n{shown.output.strip()}\n```\n"


def _settings() -> Iterator[str]:
    yield SETTINGS
    for name, field in Settings.model_fields.items():
        default = field.default
        if isinstance(default, tuple):
            default = ", ".join(map(str, default))
        if isinstance(default, SecretStr | bool) or default is None:
            default = str(default).lower() if isinstance(default, bool) else ""
        elif not isinstance(default, str | int | float):
            default = ""
        yield f"| `{name}` | {f'`{default}`' if default != '' else ''} | {_cell(field.description or '')} |"
    yield ""


def _views() -> Iterator[str]:
    views = {file.stem for file in (sql_directory() / "views").glob("*.sql")}
    with tempfile.TemporaryDirectory() as directory:
        place = EmbeddedWarehouse(Path(directory) / "warehouse", "ccusage")
        with open_warehouse(place, creates_database=True) as opened:
            apply_migrations(opened)
            named = opened.rows("SELECT name, comment FROM system.tables WHERE database = currentDatabase()")
            tables = {str(name): str(comment) for name, comment in named}
            columns = opened.rows(
                "SELECT table, name, type, comment FROM system.columns WHERE database = currentDatabase()"
                " ORDER BY table, position"
            )
    yield "## Views\n"
    for view, rows in groupby(columns, key=lambda row: str(row[0])):
        if view in views:
            yield f"### {view}\n\n{_sentence(tables[view])}\n\n| column | type | meaning |\n|---|---|---|"
            yield from (f"| `{name}` | `{_cell(kind)}` | {_cell(comment)} |" for _, name, kind, comment in rows)
            yield ""


def _queries() -> Iterator[str]:
    yield "## Named queries\n\n`ccusage-import query NAME --param NAME=VALUE` asks them.\n"
    for group, queries in groupby(read_queries(), key=lambda query: query.group):
        yield f"### Queries: {group}\n\n| query | answers | parameters |\n|---|---|---|"
        for query in queries:
            names = ", ".join(f"`{parameter.name}`" for parameter in query.parameters)
            yield f"| `{query.name}` | {_cell(query.answers)} | {names} |"
        yield ""


def _metrics() -> Iterator[str]:
    yield METRICS_TITLE
    yield from (f"| `{PREFIX}{name}` | {_cell(meaning)} |" for name, meaning in (METRICS | WATCH_METRICS).items())
    yield ""


def _cell(text: object) -> str:
    return str(text).replace("|", "\\|")


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


if __name__ == "__main__":
    FILE.write_text(reference(), "utf-8")

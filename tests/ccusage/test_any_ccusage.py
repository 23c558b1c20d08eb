"""What holds with every ccusage: CCUSAGE_IMPORT_TEST_CCUSAGE_VERSION names another one than the pinned."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Place, Program
from tests.support.ccusage_install import wanted_version
from tests.support.exhaustive import all_but

pytestmark = [pytest.mark.exhaustive_at("http"), pytest.mark.usefixtures("engine_stays")]

RECORDS = {
    "june": [("blocks", 2), ("daily", 2), ("monthly", 1), ("projects", 2), ("session", 3)],
    "september": [("blocks", 2), ("daily", 2), ("monthly", 1), ("projects", 2), ("session", 5)],
    "active": [("blocks", 2), ("daily", 1), ("monthly", 1), ("projects", 1), ("session", 1)],
}


@pytest.mark.parametrize("name", all_but(["june"], sorted(RECORDS)))
def test_an_import_holds_every_record_and_verify_agrees(
    program: Program, migrated: Place, corpus: Callable[[str], Path], name: str
) -> None:
    claude_dir = corpus(name)
    version = wanted_version()

    imported = program("import", "--warehouse", migrated.url, "--claude-dir", claude_dir)
    verified = program("verify", "--warehouse", migrated.url, "--claude-dir", claude_dir)

    assert (imported.exit_code, imported.stderr) == (0, "")
    assert f" · ccusage {version} (PATH) · " in imported.stdout
    assert migrated.rows("SELECT report, count() FROM records FINAL GROUP BY report ORDER BY report") == RECORDS[name]
    assert (verified.exit_code, verified.stderr) == (0, "")

"""A warehouse that tests use one after another is as new for each of them."""

from __future__ import annotations

import pytest

from tests.conftest import Emptied, Program
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.warehouse.test_views import budgets

pytestmark = pytest.mark.usefixtures("engine_stays")

ROWS = """
    SELECT name, total_rows FROM system.tables
    WHERE database = currentDatabase() AND total_rows > 0 AND name != 'schema_migrations'"""


@pytest.fixture
def claude(tmp_path_factory: pytest.TempPathFactory) -> ClaudeDir:
    """A data directory with one answer."""
    claude = ClaudeDir(tmp_path_factory.mktemp("claude"))
    claude.say("a", days_ago(2), 10)
    return claude


def test_what_tests_and_commands_inserted_is_gone_for_the_next(
    emptied: Emptied, program: Program, claude: ClaudeDir
) -> None:
    for home in ("first", "second"):
        # Whoever imported into it once would miss what it held.
        program.environ["HOME"] = str(program.home / home)
        with emptied.lent() as place:
            assert place.rows(ROWS) == []
            # The same rows under the same tokens, which the engine would drop if it still knew them.
            budgets(place, ("all", "", "monthly", "9", 1, 0))
            assert place.rows("SELECT limit_usd FROM budgets") == [(9,)]
            imported = program("import", "--warehouse", place.url, "--claude-dir", claude.root)
            assert (imported.exit_code, imported.stderr) == (0, "")
            assert place.rows("SELECT count() FROM loads FINAL WHERE state = 'committed'") == [(1,)]
    with emptied.lent() as last:
        assert (last.url, last.rows(ROWS)) == (place.url, [])


@pytest.mark.parametrize(
    "statement",
    [
        "DROP VIEW daily",
        "ALTER TABLE loads ADD COLUMN mine UInt8",
        "CREATE TABLE mine (a UInt8) ENGINE = Memory",
        "CREATE DATABASE another",
        "INSERT INTO schema_migrations (version) VALUES (9999)",
        "TRUNCATE TABLE schema_migrations",
    ],
)
def test_one_to_which_more_was_done_is_not_lent_again(emptied: Emptied, statement: str) -> None:
    with emptied.lent() as spoilt, spoilt.opened() as opened:
        opened.command(statement)

    with emptied.lent() as place:
        assert place.url != spoilt.url
        assert place.rows("SELECT count() FROM daily") == [(0,)]

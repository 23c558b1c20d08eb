"""A warehouse that the limits of a configuration are held against."""

from __future__ import annotations

import pytest

from tests.conftest import Place, Program
from tests.support.claude_dir import ClaudeDir, days_ago


@pytest.fixture
def used(program: Program, claude: ClaudeDir, migrated: Place) -> Place:
    """3 $ today."""
    claude.say("s1", days_ago(0, hour=0), 200_000)
    done = program("import", "--claude-dir", claude.root, "--warehouse", migrated.url, "--machine", "laptop")
    assert done.exit_code == 0, done.stderr
    return migrated

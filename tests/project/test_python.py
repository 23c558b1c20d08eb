"""The example of docs/python.md runs and prints what the page says."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path

from tests.conftest import Program

PAGE = (Path(__file__).parent.parent.parent / "docs" / "python.md").read_text("utf-8")


def test_the_example_prints_what_the_page_says(program: Program, corpus: Callable[[str], Path], tmp_path: Path) -> None:
    found = re.search(r"```python\n(.*?)```\n\nprints\n\n```\n(.*?)```", PAGE, re.DOTALL)
    assert found is not None
    example = tmp_path / "example.py"
    example.write_text(found[1], "utf-8")

    done = program.run(sys.executable, "-W", "error", example, CLAUDE_CONFIG_DIR=str(corpus("june")))

    assert (done.stderr, done.exit_code) == ("", 0)
    assert done.stdout == found[2]

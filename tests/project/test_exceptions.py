"""What an error says of itself besides its message: it is stored in loads and shown where no path may be."""

from __future__ import annotations

import json
import subprocess
import sys

from ccusage_import import exceptions
from ccusage_import.exceptions import FixableError

KINDS = """
import json
from ccusage_import import exceptions
print(json.dumps({name: error.kind for name, error in vars(exceptions).items() if hasattr(error, "kind")}))
"""


def errors() -> dict[str, type[FixableError]]:
    """Every class of errors that a user can fix."""
    found = vars(exceptions).items()
    return {name: error for name, error in found if isinstance(error, type) and issubclass(error, FixableError)}


def test_every_error_says_its_own_kind() -> None:
    assert [name for name, error in errors().items() if "kind" not in vars(error)] == []
    kinds = [error.kind for error in errors().values()]
    assert len(set(kinds)) == len(kinds) > 30
    assert [kind for kind in kinds if kind.endswith(".") or "`" in kind] == []


def test_kinds_are_the_same_without_docstrings() -> None:
    done = subprocess.run([sys.executable, "-OO", "-c", KINDS], capture_output=True, check=True, timeout=60)
    assert json.loads(done.stdout) == {name: error.kind for name, error in errors().items()}


def test_a_kind_is_a_whole_sentence_that_names_no_value() -> None:
    assert exceptions.NodeTooOldError("ccusage: Node.js 16.0 is too old").kind == (
        "ccusage refuses the Node.js it was started with"
    )

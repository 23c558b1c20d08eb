"""Which tool installed this program, and how the embedded engine is added with it."""

from __future__ import annotations

import shlex
from pathlib import Path

ENGINE = "chdb-core"
# Folders of uv's cache in which `uvx` makes its environments.
_UVX_FOLDERS = frozenset({"archive-v0", "environments-v2"})


def adds_engine(prefix: Path) -> str:
    """Return the command that adds the embedded engine to the environment `prefix`."""
    if (prefix / "pipx_metadata.json").exists():
        if prefix.parent.name == "venvs":
            return f"pipx inject {shlex.quote(prefix.name)} {ENGINE}"
        return f"pipx run --with {ENGINE} --spec SOURCE ccusage-import"
    if (prefix / "uv-receipt.toml").exists():
        return f"uv tool install --with {ENGINE} SOURCE"
    if _UVX_FOLDERS & set(prefix.parts):
        return f"uvx --with {ENGINE} --from SOURCE ccusage-import"
    # What the engine declares beside itself takes 327 MB, and nothing here imports it.
    if (prefix / "bin" / "pip").exists():
        return f"{shlex.quote(str(prefix / 'bin' / 'pip'))} install --no-deps {ENGINE}"
    return f"uv pip install --python {shlex.quote(str(prefix / 'bin' / 'python'))} --no-deps {ENGINE}"

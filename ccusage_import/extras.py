"""What this program can do without, and how each tool that installs programs adds it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

# What the engine declares beside itself takes 327 MB, and nothing here imports it: pip adds it alone.
ENGINE = "chdb-core"
PROTOCOL = "mcp"
SERVER = ("clickhouse_cityhash", "lz4", "starlette", "uvicorn")
# Folders of uv's cache in which `uvx` makes its environments.
_UVX_FOLDERS = frozenset({"archive-v0", "environments-v2"})


def install_command(packages: Sequence[str], prefix: Path, *, beside: Sequence[str] = ()) -> str:
    """Return the command that installs packages into the environment of this program.

    Args:
        packages: what is missing.
        prefix: the environment.
        beside: packages that were added earlier and have to stay, since some tools make the environment anew.
    """
    added = " ".join(packages)
    others = " ".join(f"--with {each}" for each in (*beside, *packages))
    if (prefix / "pipx_metadata.json").exists():
        if prefix.parent.name == "venvs":
            return f"pipx inject {shlex.quote(prefix.name)} {added}"
        return f"pipx run {others} --spec SOURCE ccusage-import"
    if (prefix / "uv-receipt.toml").exists():
        return f"uv tool install {others} SOURCE"
    if _UVX_FOLDERS & set(prefix.parts):
        return f"uvx {others} --from SOURCE ccusage-import"
    if ENGINE in packages:
        added = f"--no-deps {added}"
    if (prefix / "bin" / "pip").exists():
        return f"{shlex.quote(str(prefix / 'bin' / 'pip'))} install {added}"
    return f"uv pip install --python {shlex.quote(str(prefix / 'bin' / 'python'))} {added}"

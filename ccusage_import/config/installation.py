"""Which tool installed this program, and how optional parts are added with it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path

ENGINE = "chdb-core"
SERVER = ("starlette", "uvicorn")
# Folders of uv's cache in which `uvx` makes its environments.
_UVX_FOLDERS = frozenset({"archive-v0", "environments-v2"})


def adds_engine(prefix: Path) -> str:
    """Return the command that adds the embedded engine to the environment `prefix`."""
    # What the engine declares beside itself takes 327 MB, and nothing here imports it.
    return _adds(prefix, (ENGINE,), "--no-deps ")


def adds_server(prefix: Path) -> str:
    """Return the command that adds what `serve` needs to the environment `prefix`."""
    return _adds(prefix, SERVER)


def _adds(prefix: Path, packages: Sequence[str], option: str = "") -> str:
    listed = " ".join(packages)
    others = " ".join(f"--with {package}" for package in packages)
    if (prefix / "pipx_metadata.json").exists():
        if prefix.parent.name == "venvs":
            return f"pipx inject {shlex.quote(prefix.name)} {listed}"
        return f"pipx run {others} --spec SOURCE ccusage-import"
    if (prefix / "uv-receipt.toml").exists():
        return f"uv tool install {others} SOURCE"
    if _UVX_FOLDERS & set(prefix.parts):
        return f"uvx {others} --from SOURCE ccusage-import"
    if (prefix / "bin" / "pip").exists():
        return f"{shlex.quote(str(prefix / 'bin' / 'pip'))} install {option}{listed}"
    return f"uv pip install --python {shlex.quote(str(prefix / 'bin' / 'python'))} {option}{listed}"

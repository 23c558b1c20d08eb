"""What is typed to add the embedded engine, by the tool that made the environment."""

from __future__ import annotations

from pathlib import Path

import pytest

from ccusage_import.extras import ENGINE, PROTOCOL, install_command


@pytest.mark.parametrize(
    ("environment", "holds", "typed"),
    [
        ("pipx/venvs/ccusage-import", "pipx_metadata.json", "pipx inject ccusage-import chdb-core"),
        (
            ".cache/pipx/b2b1a6db2cc9bda",
            "pipx_metadata.json",
            "pipx run --with chdb-core --spec SOURCE ccusage-import",
        ),
        ("share/uv/tools/ccusage-import", "uv-receipt.toml", "uv tool install --with chdb-core SOURCE"),
        (".cache/uv/archive-v0/hWKwCsz5", "pyvenv.cfg", "uvx --with chdb-core --from SOURCE ccusage-import"),
    ],
)
def test_each_tool_adds_the_engine_in_its_own_way(tmp_path: Path, environment: str, holds: str, typed: str) -> None:
    prefix = tmp_path / environment
    prefix.mkdir(parents=True)
    (prefix / holds).touch()

    assert install_command((ENGINE,), prefix) == typed


def test_the_pip_of_an_environment_is_named_where_there_is_one(tmp_path: Path) -> None:
    prefix = tmp_path / "my venv"
    (prefix / "bin").mkdir(parents=True)

    without = install_command((ENGINE,), prefix)
    (prefix / "bin" / "pip").touch()

    assert without == f"uv pip install --python '{prefix}/bin/python' --no-deps chdb-core"
    assert install_command((ENGINE,), prefix) == f"'{prefix}/bin/pip' install --no-deps chdb-core"


@pytest.mark.parametrize(
    ("environment", "holds", "typed"),
    [
        ("pipx/venvs/ccusage-import", "pipx_metadata.json", "pipx inject ccusage-import mcp"),
        (
            ".cache/pipx/b2b1a6db2cc9bda",
            "pipx_metadata.json",
            "pipx run --with chdb-core --with mcp --spec SOURCE ccusage-import",
        ),
        ("share/uv/tools/ccusage-import", "uv-receipt.toml", "uv tool install --with chdb-core --with mcp SOURCE"),
        (
            ".cache/uv/archive-v0/hWKwCsz5",
            "pyvenv.cfg",
            "uvx --with chdb-core --with mcp --from SOURCE ccusage-import",
        ),
        ("venv", "bin/pip", "venv/bin/pip install mcp"),
        ("venv", "pyvenv.cfg", "uv pip install --python venv/bin/python mcp"),
    ],
)
def test_what_was_added_before_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, environment: str, holds: str, typed: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (Path(environment) / holds).parent.mkdir(parents=True)
    (Path(environment) / holds).touch()

    assert install_command((PROTOCOL,), Path(environment), beside=[ENGINE]) == typed

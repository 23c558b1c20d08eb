"""The built wheel on its own: nothing of the source tree, nothing of the developers' tools."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.conftest import Program

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built as it is released."""
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", folder, ROOT], check=True, capture_output=True
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_holds_sql_demo_and_types_and_no_tests(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()

    assert "ccusage_import/py.typed" in names
    assert "ccusage_import/sql/migrations/0001_tables.sql" in names
    assert "ccusage_import/sql/views/daily.sql" in names
    assert "ccusage_import/sql/digest/days.sql" in names
    for file in (
        "page.html.j2",
        "page.css",
        "page.js",
        "page_charts.js",
        "echarts/echarts.min.js",
        "echarts/LICENSE",
        "echarts/NOTICE",
    ):
        assert f"ccusage_import/digest/{file}" in names
    queries = {f"ccusage_import/sql/queries/{file.name}" for file in (ROOT / "sql" / "queries").glob("*.sql")}
    assert "ccusage_import/sql/queries/what_changed.sql" in queries
    assert queries <= set(names)
    assert any(name.startswith("ccusage_import/demo/transcripts/projects/") for name in names)
    assert "ccusage_import/demo/prices.json" in names
    assert not any(name.startswith("tests/") for name in names)


@pytest.mark.exhaustive
def test_the_installed_wheel_runs_its_demo(wheel: Path, program: Program, tmp_path: Path) -> None:
    venv = tmp_path / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", venv], check=True)
    # The pip that is there takes less than another one; what is never imported needs not be compiled.
    install = [sys.executable, "-m", "pip", "--python", str(venv), "install", "--quiet", "--no-compile"]
    # As the README does it: without what the engine declares and nothing imports.
    for wanted in ([wheel], ["--no-deps", "chdb-core"]):
        subprocess.run([*install, *wanted], check=True, capture_output=True, timeout=600)
    environ = {name: value for name, value in program.environ.items() if name != "PYTHONPATH"}
    command = venv / "bin" / "ccusage-import"

    helped = subprocess.run([command, "--help"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=True)
    demo = subprocess.run(
        [command, "import", "--demo"], env=environ, cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert "never loses a number" in " ".join(helped.stdout.split())
    assert (demo.returncode, demo.stderr) == (0, "")
    assert demo.stdout.startswith("machine demo · ccusage 20.0.24 (recorded)")
    assert "active block until" in demo.stdout
    assert [entry.name for entry in (program.home / ".local/share/ccusage-import").iterdir()] == ["demo"]
    assert not (program.home / ".config").exists()
    for left_out in ("pandas", "pyarrow", "numpy"):
        assert not list(venv.glob(f"lib/*/site-packages/{left_out}"))

"""The workflows hold to what the package says, and run nothing that can change under them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from ccusage_import import __version__
from ccusage_import.ccusage.failures import INSTALL_HINT
from ccusage_import.warehouse.driver.server import OLDEST_SERVER

ROOT = Path(__file__).parent.parent.parent
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))
CONFIGURED = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
PROJECT = CONFIGURED["project"]
PYTHONS = [
    name.removeprefix("Programming Language :: Python :: ")
    for name in PROJECT["classifiers"]
    if name.startswith("Programming Language :: Python :: ")
]
PINNED = re.compile(r"uses: [\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+")


def document(path: Path) -> Any:
    return yaml.safe_load(path.read_text("utf-8"))


def matrix(job: str) -> Any:
    return document(ROOT / ".github/workflows/ci.yml")["jobs"][job]["strategy"]["matrix"]


def installed(language: str) -> dict[str, list[str]]:
    """The versions of Python or Node.js that jobs install, without those of a matrix."""
    found: dict[str, list[str]] = {}
    for workflow in WORKFLOWS:
        for name, job in document(workflow)["jobs"].items():
            for step in job.get("steps", []):
                version = step.get("with", {}).get(f"{language}-version")
                if version and "matrix" not in version:
                    found.setdefault(name, []).append(version)
    return found


def each_workflow() -> pytest.MarkDecorator:
    return pytest.mark.parametrize("workflow", WORKFLOWS, ids=lambda path: path.stem)


def test_all_workflows_are_looked_at() -> None:
    assert [path.stem for path in WORKFLOWS] == ["ci", "newest-ccusage", "release"]


@each_workflow()
def test_every_action_is_pinned_to_a_commit_and_says_its_version(workflow: Path) -> None:
    used = [
        line.strip(" -") for line in workflow.read_text("utf-8").splitlines() if line.strip(" -").startswith("uses:")
    ]

    assert used
    for line in used:
        assert line.startswith("uses: ./") or PINNED.fullmatch(line), line


def test_one_action_has_one_version() -> None:
    pins = {pin for workflow in WORKFLOWS for pin in re.findall(r"uses: (\S+@\S+)", workflow.read_text("utf-8"))}

    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


@each_workflow()
def test_a_job_has_the_rights_it_names_and_no_others(workflow: Path) -> None:
    read = document(workflow)

    assert read["permissions"] == {}
    for name, job in read["jobs"].items():
        publishes = (workflow.stem, name) == ("release", "publish")
        allowed = [{"id-token": "write"}] if publishes else [{}, {"contents": "read"}]
        assert job["permissions"] in allowed, name
        assert "uses" in job or job["timeout-minutes"] <= 60, name
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, name


def test_only_the_tag_of_its_version_is_released() -> None:
    steps = document(ROOT / ".github/workflows/release.yml")["jobs"]["version"]["steps"]
    [script] = [step["run"] for step in steps if "run" in step]

    def ended(tag: str) -> tuple[int, str]:
        path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
        done = subprocess.run(
            ["bash", "-e", "-c", script],
            cwd=ROOT,
            env={"PATH": path, "TAG": tag},
            capture_output=True,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr

    assert ended(f"v{__version__}") == (0, "")
    assert ended("v0.0.1") == (1, f"::error::the tag is v0.0.1, the version of the package is {__version__}\n")


def test_no_workflow_reads_a_secret() -> None:
    assert [path.name for path in WORKFLOWS if "secrets." in path.read_text("utf-8")] == []


def test_the_oldest_and_the_newest_python_are_those_of_the_package() -> None:
    used = installed("python")

    assert matrix("python") == {"os": ["ubuntu-latest", "macos-latest"], "python": [PYTHONS[0], PYTHONS[-1]]}
    assert PROJECT["requires-python"] == f">={PYTHONS[0]}"
    assert CONFIGURED["tool"]["mypy"]["python_version"] == PYTHONS[0]
    assert (used["everything"], used["lowest"], used["wheel"]) == ([PYTHONS[0]], [PYTHONS[0]], [PYTHONS[-1]])
    assert {version for versions in used.values() for version in versions} <= set(PYTHONS)
    for page in ("README.md", "CONTRIBUTING.md", "docs/installing.md"):
        assert f"Python {PYTHONS[0]} or newer" in (ROOT / page).read_text("utf-8"), page


def test_node_is_the_oldest_that_pages_name_or_one_newer() -> None:
    oldest, _ = sorted({version for versions in installed("node").values() for version in versions})

    assert f"Node.js {oldest} or newer" in INSTALL_HINT
    for page in ("README.md", "CONTRIBUTING.md", "docs/installing.md"):
        assert f"Node.js {oldest}" in (ROOT / page).read_text("utf-8"), page


def test_the_oldest_clickhouse_is_the_one_that_the_program_accepts() -> None:
    servers = {entry["clickhouse"]: entry["image"] for entry in matrix("server")["include"]}

    assert next(iter(servers)) == ".".join(map(str, OLDEST_SERVER))
    assert len(servers) == 2
    for version, image in servers.items():
        assert re.fullmatch(
            rf"clickhouse/clickhouse-server:{re.escape(version)}\.\d+\.\d+@sha256:[0-9a-f]{{64}}", image
        )


def test_ci_runs_the_server_that_docker_compose_starts() -> None:
    [*_, newest] = matrix("server")["include"]
    image = document(ROOT / "docker-compose.yml")["services"]["clickhouse"]["image"]

    # CI names its contents too, which the version alone does not.
    assert newest["image"].partition("@")[0] == image


def test_a_cluster_is_of_one_version() -> None:
    cluster = document(ROOT / ".github/cluster/compose.yaml")
    images = {service["image"] for service in cluster["services"].values()}

    assert {image.rpartition(":")[0] for image in images} == {
        "clickhouse/clickhouse-server",
        "clickhouse/clickhouse-keeper",
    }
    assert len({image.rpartition(":")[2] for image in images}) == 1


def test_ci_runs_the_hooks_of_a_commit_at_the_pinned_versions() -> None:
    hooks = document(ROOT / ".pre-commit-config.yaml")["repos"][0]["hooks"]
    # The program of import-linter has another name than its package.
    programs = {hook["entry"].split()[0] for hook in hooks if hook["language"] == "system"}
    entries = {program.replace("lint-imports", "import-linter") for program in programs}
    dev = PROJECT["optional-dependencies"]["dev"]

    assert entries == {"ruff", "mypy", "import-linter", "codespell", "validate-pyproject", "zizmor"}
    for entry in entries:
        assert [dependency for dependency in dev if re.match(rf"{entry}(\[all\])?==\d", dependency)], entry
    assert "pre-commit run --all-files" in (ROOT / ".ci" / "run").read_text("utf-8")

"""Where version managers put programs, built as real trees: what a job keeps of PATH lasts."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ccusage_import.exceptions import ScheduleError
from ccusage_import.schedule.paths import is_temporary, job_path, running_program
from tests.conftest import Program
from tests.support.disks import LIKE_A_USER
from tests.support.scheduling import SCRIPT, at_home, stand_in

SYSTEM = ("/usr/local/bin", "/usr/bin", "/bin")
NAMES = ("ccusage", "bunx", "npx", "node")


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A disk whose directory of temporary files is `disk/tmp`."""
    (tmp_path / "tmp").mkdir()
    return tmp_path


def program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


def link(path: Path, target: Path | str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(target)
    return path


def kept(disk: Path, *entries: Path | str) -> tuple[str, ...]:
    """What `job_path` keeps, without the system's own directories."""
    path = ":".join([*map(str, entries), "/usr/sbin"])
    found = job_path(NAMES, {"PATH": path, "TMPDIR": str(disk / "tmp")})
    assert found[-3:] == SYSTEM
    return found[:-3]


def test_nvm_is_kept_with_its_version(disk: Path) -> None:
    directory = disk / "home/.nvm/versions/node/v22.11.0/bin"
    program(directory / "node")
    link(directory / "npx", "../lib/node_modules/npm/bin/npx-cli.js")
    program(directory.parent / "lib/node_modules/npm/bin/npx-cli.js")

    assert kept(disk, disk / "home/empty", directory, directory) == (str(directory),)


@pytest.mark.parametrize("shells", ["run/fnm_multishells", "tmp/fnm_multishells", "home/.local/state/fnm_multishells"])
def test_fnm_s_directory_of_one_shell_becomes_the_installation(disk: Path, shells: str) -> None:
    installation = disk / "home/.local/share/fnm/node-versions/v22.11.0/installation"
    program(installation / "bin/node")
    shell = link(disk / shells / "4711_1732160000", installation)

    assert kept(disk, shell / "bin") == (str(installation / "bin"),)


def test_volta_s_image_becomes_its_shim(disk: Path) -> None:
    volta = disk / "home/.volta"
    program(volta / "bin/volta-shim")
    link(volta / "bin/node", "volta-shim")
    program(volta / "tools/image/node/22.11.0/bin/node")

    assert kept(disk, volta / "tools/image/node/22.11.0/bin", volta / "bin") == (str(volta / "bin"),)


def test_volta_s_image_is_kept_where_its_shim_is_gone(disk: Path) -> None:
    image = program(disk / "home/.volta/tools/image/node/22.11.0/bin/node").parent

    assert kept(disk, image) == (str(image),)


def test_homebrew_s_cellar_becomes_its_links(disk: Path) -> None:
    brew = disk / "opt/homebrew"
    program(brew / "Cellar/node/22.11.0/bin/node")
    link(brew / "bin/node", "../Cellar/node/22.11.0/bin/node")
    program(brew / "Cellar/node@20/20.18.0/bin/node")
    link(brew / "opt/node@20", "../Cellar/node@20/20.18.0")

    assert kept(disk, brew / "bin") == (str(brew / "bin"),)
    assert kept(disk, brew / "Cellar/node/22.11.0/bin") == (str(brew / "bin"),)
    assert kept(disk, brew / "Cellar/node@20/20.18.0/bin") == (str(brew / "opt/node@20/bin"),)


def test_bun_is_kept(disk: Path) -> None:
    program(disk / "home/.bun/bin/bun")
    link(disk / "home/.bun/bin/bunx", "bun")

    assert kept(disk, disk / "home/.bun/bin") == (str(disk / "home/.bun/bin"),)


@pytest.mark.parametrize(
    "cache",
    [
        "home/.npm/_npx/0a1b2c3d/node_modules/.bin",
        "home/.cache/pnpm/dlx/0a1b2c3d/node_modules/.bin",
        "home/.cache/pnpm/dlx-4711/node_modules/.bin",
        "var/bunx-1000-ccusage@20.0.24/node_modules/.bin",
        "home/.cache/uv/archive-v0/0a1b2c3d/bin",
        "home/.local/pipx/.cache/0a1b2c3d/bin",
        "tmp/anything/bin",
    ],
)
def test_a_cache_is_never_kept(disk: Path, cache: str) -> None:
    environ = {"TMPDIR": str(disk / "tmp")}
    cached = program(disk / cache / "ccusage")
    lasting = program(disk / "home/.npm-global/bin/ccusage")
    linked = link(disk / "home/bin/ccusage", cached)

    assert kept(disk, disk / cache, linked.parent, lasting.parent) == (str(lasting.parent),)
    assert is_temporary(cached, environ)
    assert is_temporary(linked, environ)
    assert not is_temporary(lasting, environ)


@pytest.mark.parametrize("lasting", ["home/archive-v2/bin", "home/npx/bin", "home/.local/share/pipx/venvs/x/bin"])
def test_what_only_sounds_like_a_cache_is_kept(disk: Path, lasting: str) -> None:
    program(disk / lasting / "ccusage")

    assert kept(disk, disk / lasting) == (str(disk / lasting),)


def test_the_order_of_path_is_kept_and_what_is_relative_or_not_executable_is_not(
    disk: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program(disk / "relative/bin/npx")
    monkeypatch.chdir(disk)
    first, second = program(disk / "b/node").parent, program(disk / "a/ccusage").parent
    plain = disk / "plain/ccusage"
    plain.parent.mkdir()
    plain.write_text("not executable")

    assert kept(disk, "relative/bin", plain.parent, first, second) == (str(first), str(second))


def test_a_directory_that_lets_this_user_not_in_is_passed_over(disk: Path) -> None:
    closed, left = program(disk / "closed/node").parent, program(disk / "open/node").parent
    closed.chmod(0)
    asks = (
        "import sys; from ccusage_import.schedule.paths import job_path;"
        " print(job_path(('node',), {'PATH': sys.argv[1], 'TMPDIR': sys.argv[2]})[0])"
    )

    done = subprocess.run(
        [*LIKE_A_USER, sys.executable, "-c", asks, f"{closed}:{left}", disk / "tmp"],
        capture_output=True,
        text=True,
        check=False,
    )
    closed.chmod(0o700)

    assert (done.stdout, done.stderr) == (f"{left}\n", "")


def test_the_script_beside_the_interpreter_is_the_program(disk: Path) -> None:
    environ = {"TMPDIR": str(disk / "tmp")}
    real = program(disk / "usr/bin/python3.11")
    venv = link(disk / "venv/bin/python", real)
    assert running_program(f"{disk}/x/__main__.py", str(venv), environ) == (str(venv), "-m", "ccusage_import")

    typed = program(disk / "home/.local/bin/ccusage-import")
    assert running_program(str(typed), str(venv), environ) == (str(typed),)

    script = program(disk / "venv/bin/ccusage-import")
    assert running_program(str(typed), str(venv), environ) == (str(script),)


def test_a_program_installed_by_homebrew_survives_its_upgrade(disk: Path) -> None:
    libexec = disk / "opt/homebrew/Cellar/ccusage-import/1.0.0/libexec/bin"
    program(libexec / "python")
    program(libexec / "ccusage-import")
    stable = link(disk / "opt/homebrew/bin/ccusage-import", libexec / "ccusage-import")

    assert running_program("ccusage-import", str(libexec / "python"), {"TMPDIR": str(disk / "tmp")}) == (str(stable),)


def test_a_program_that_uvx_runs_is_not_scheduled(disk: Path) -> None:
    cached = program(disk / "home/.cache/uv/archive-v0/0a1b/bin/ccusage-import")

    with pytest.raises(ScheduleError, match="is in a place that will be cleaned up") as caught:
        running_program(str(cached), str(cached.parent / "python"), {"TMPDIR": str(disk / "tmp")})
    assert "uv tool install" in caught.value.hint


def test_an_installation_in_the_temporary_directory_is_refused(program: Program, tmp_path: Path) -> None:
    own = at_home(program, tmp_path)
    temporary = Path(SCRIPT).parent.parent

    done = own("schedule", "install", "--dry-run", TMPDIR=str(temporary))

    assert done.exit_code == 2
    assert f"ccusage-import: error: {SCRIPT} is in a place that will be cleaned up\n" in done.stderr


def test_a_schedule_installed_through_npx_does_without_its_cache(
    program: Program, tmp_path: Path, ccusage20: Path
) -> None:
    cache = tmp_path / "home/.npm/_npx/0a1b/node_modules/.bin"
    cache.mkdir(parents=True)
    for directory, name in ((cache, "ccusage"), (cache, "npx"), (tmp_path / "bin", "crontab")):
        stand_in(directory, name)
    own = at_home(program, tmp_path)
    path = f"{cache}:{tmp_path}/bin:{own.environ['PATH']}"

    done = own("schedule", "install", "--dry-run", "--scheduler", "cron", PATH=path)

    assert done.exit_code == 0, done.stderr
    assert "_npx" not in done.stdout
    assert f" PATH={ccusage20.parent}:" in done.stdout


@pytest.mark.parametrize("command", ["./ccusage", "missing-ccusage", "{cache}/ccusage"])
def test_a_configured_command_that_a_job_cannot_find_is_refused(program: Program, tmp_path: Path, command: str) -> None:
    own = at_home(program, tmp_path)
    cache = tmp_path / "_npx/0a1b"
    for directory in (cache, own.home):
        directory.mkdir(parents=True, exist_ok=True)
        (directory / "ccusage").write_text("#!/bin/sh\n")
        (directory / "ccusage").chmod(0o755)
    named = command.format(cache=cache)

    done = own("schedule", "install", "--dry-run", CCUSAGE_IMPORT_CCUSAGE=named)

    assert done.exit_code == 2
    assert done.stderr.startswith(f"ccusage-import: error: {named} is ")


def test_the_fixture_s_program_is_the_one_that_is_tested() -> None:
    done = subprocess.run([SCRIPT, "import", "--help"], capture_output=True, text=True, check=True, timeout=60)

    assert "--env-file" in done.stdout
    assert Path(sys.executable).parent == Path(SCRIPT).parent


def test_relative_paths_in_variables_are_made_absolute(program: Program, tmp_path: Path) -> None:
    own = at_home(program, tmp_path)
    for name in ("systemctl", "crontab"):
        stand_in(tmp_path / "bin", name)

    own(
        "schedule",
        "install",
        CLAUDE_CONFIG_DIR="claude,/srv/claude",
        CCUSAGE_IMPORT_LOG_FILE="logs/a,b.log",
        PATH=f"{tmp_path}/bin:{own.environ['PATH']}",
    )

    lines = (own.home / ".config/ccusage-import/schedule.env").read_text().splitlines()
    assert lines[1:] == [
        f"CCUSAGE_IMPORT_LOG_FILE={own.home}/logs/a,b.log",
        f"CLAUDE_CONFIG_DIR={own.home}/claude,/srv/claude",
    ]

"""What the tests of schedules stand on: a crontab of their own, a user manager, programs that note their calls."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from ccusage_import.config.environment import PROXY_VARIABLES
from tests.conftest import Program

SCRIPT = str(Path(sys.executable).parent / "ccusage-import")
# The system's own jobs are hidden as well: a second cron would run them a second time.
_MOUNTED = (
    'mount --bind "$1/crontabs" /var/spool/cron/crontabs && mount --bind "$1/run" /run && '
    'mount --bind "$1/none" /etc/cron.d && mount --bind /dev/null /etc/crontab && shift && exec "$@"'
)


def _has_own_mounts() -> bool:
    if os.geteuid() != 0 or not all(map(shutil.which, ("unshare", "crontab", "cron"))):
        return False
    return subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode == 0


needs_cron = pytest.mark.skipif(
    not _has_own_mounts(),
    reason="needs Debian's cron, and root who may mount a crontab directory of the test's own over the system's",
)
needs_systemd = pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")


def isolated(directory: Path) -> tuple[str, ...]:
    """Return the words before a command that give it crontabs and /run of its own, kept in `directory`."""
    for name in ("crontabs", "run", "none"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    return ("unshare", "--mount", "sh", "-c", _MOUNTED, "sh", str(directory))


def at_home(program: Program, tmp_path: Path) -> Program:
    """Return the program where directories of the test are not those of temporary files."""
    (tmp_path / "tmp").mkdir()
    of_tests = {"TZ", "SSL_CERT_FILE", "CCUSAGE_IMPORT_SKIP_UNCHANGED", *PROXY_VARIABLES}
    environ = {name: value for name, value in program.environ.items() if name not in of_tests}
    return replace(program, environ={**environ, "TMPDIR": str(tmp_path / "tmp")})


def crontab(program: Program, text: bytes | None = None) -> bytes | None:
    """Install a crontab, or return the installed one as cron's own program prints it; None where there is none."""
    done = subprocess.run(
        [*program.prefix, "crontab", "-l" if text is None else "-"],
        input=text or b"",
        capture_output=True,
        check=False,
        timeout=30,
        env=program.environ,
    )
    if text is not None:
        assert done.returncode == 0, done.stderr
    return done.stdout if done.returncode == 0 else None


def stand_in(directory: Path, name: str, script: str = "") -> Path:
    """Write a program that notes its arguments in `name.log`, runs `script`, and ends well; return the log."""
    directory.mkdir(parents=True, exist_ok=True)
    log = directory / f"{name}.log"
    program = directory / name
    program.write_text(f'#!/bin/sh\necho "$*" >> "{log}"\n{script}\n')
    program.chmod(0o755)
    return log


def with_stand_in(program: Program, directory: Path, name: str, script: str = "") -> tuple[Program, Path]:
    """Return the program with a stand-in first on PATH, and the log of that."""
    log = stand_in(directory, name, script)
    path = f"{directory}{os.pathsep}{program.environ['PATH']}"
    return replace(program, environ={**program.environ, "PATH": path}), log


# A user manager starts only where systemd seems to have booted, and wants a cgroup it may divide.
_MANAGED = """
mount --bind "$1/run" /run && umount -R /sys/fs/cgroup && mount -t cgroup2 none /sys/fs/cgroup || exit 77
/lib/systemd/systemd --user >"$1/manager.log" 2>&1 </dev/null &
manager=$!
trap 'kill $manager; wait $manager' EXIT
for _ in $(seq 100); do systemctl --user show-environment >/dev/null 2>&1 && break; sleep 0.1; done
systemctl --user show-environment >/dev/null || exit 77
shift && "$@"
"""


def managed(directory: Path) -> tuple[str, ...]:
    """Return the words before a command that run it beside a user manager of systemd of its own."""
    for name in ("run/systemd/system", "run/user/0"):
        (directory / name).mkdir(parents=True, exist_ok=True)
    return ("unshare", "--mount", "--cgroup", "sh", "-c", _MANAGED, "sh", str(directory))


def has_manager(directory: Path) -> bool:
    """Return whether a user manager can be started here."""
    if os.geteuid() != 0 or shutil.which("unshare") is None or not Path("/lib/systemd/systemd").exists():
        return False
    environ = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "XDG_RUNTIME_DIR": "/run/user/0"}
    done = subprocess.run([*managed(directory), "true"], env=environ, capture_output=True, check=False, timeout=60)
    return done.returncode == 0

"""The timer and the service in a real user manager of systemd."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Program
from tests.support.scheduling import SCRIPT, at_home, has_manager, managed

# The manager of root may do what a user's may not; this one option it cannot do in the mounts of the test.
# The rest of the test lives below the directory of temporary files, which the service does not see.
DROP_IN = "[Service]\nProtectKernelTunables=false\nBindPaths={0}\nBindReadOnlyPaths={1}\n"
SESSION = """
set -eu
"$@" schedule install --every 6h
"$@" schedule status
mkdir -p "$HOME/.config/systemd/user/ccusage-import.service.d"
cp "$HOME/drop-in" "$HOME/.config/systemd/user/ccusage-import.service.d/test.conf"
systemctl --user daemon-reload
systemctl --user start ccusage-import.service
systemctl --user show ccusage-import.service --property=Result
rm -r "$HOME/.config/systemd/user/ccusage-import.service.d"
"$@" schedule remove
systemctl --user list-timers --all --no-legend
"""


def test_the_user_manager_runs_the_import_and_forgets_it(
    program: Program, tmp_path: Path, corpus: Callable[[str], Path], ccusage20: Path
) -> None:
    if not has_manager(tmp_path / "probe"):
        pytest.skip("needs root who may start a user manager of systemd in mounts of its own")
    own = at_home(program, tmp_path)
    home = tmp_path / """it's 100% my "home" $HOME"""
    home.mkdir()
    imported = [Path(entry).absolute() for entry in sys.path if Path(entry).is_dir()]
    kept = [Path(SCRIPT).parents[1], ccusage20.parents[2], *imported]
    (home / "drop-in").write_text(DROP_IN.format(tmp_path, " ".join(sorted({str(path) for path in kept}))))
    environ = {
        **own.environ,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": "/run/user/0",
        "CLAUDE_CONFIG_DIR": str(corpus("september")),
        "CCUSAGE_IMPORT_WAREHOUSE": f"chdb://{tmp_path}/data/warehouse",
    }

    done = subprocess.run(
        [*managed(tmp_path / "manager"), "sh", "-c", SESSION, "sh", SCRIPT],
        env=environ,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"installed in systemd, daily at 00:(\d\d), 06:\1, 12:\1, 18:\1:", lines[0])
    assert [line for line in lines if line.startswith("next run ")] != []
    assert "timer: active" in lines
    assert lines[-2:] == ["Result=success", "removed from systemd"]
    shown = replace(own, home=home)(
        "query", "SELECT sum(cost_usd) AS c FROM daily", "--format", "csv", "--warehouse",
        environ["CCUSAGE_IMPORT_WAREHOUSE"],
    )  # fmt: skip
    assert shown.stdout == '"c"\n2.81842335\n'

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


def manager_home(
    program: Program, tmp_path: Path, claude: Path, ccusage20: Path, drop_in: str = ""
) -> tuple[Program, Path]:
    """Return the program in the environment of a user manager, and its home with what the test adds to the unit."""
    if not has_manager(tmp_path / "probe"):
        pytest.skip("needs root who may start a user manager of systemd in mounts of its own")
    own = at_home(program, tmp_path)
    home = tmp_path / """it's 100% my "home" $HOME"""
    home.mkdir()
    imported = [Path(entry).absolute() for entry in sys.path if Path(entry).is_dir()]
    kept = [Path(SCRIPT).parents[1], ccusage20.parents[2], *imported]
    places = " ".join(sorted({str(path) for path in kept}))
    (home / "drop-in").write_text(DROP_IN.format(tmp_path, places) + drop_in)
    environ = {
        **own.environ,
        "HOME": str(home),
        "XDG_RUNTIME_DIR": "/run/user/0",
        "CLAUDE_CONFIG_DIR": str(claude),
        "CCUSAGE_IMPORT_WAREHOUSE": f"chdb://{tmp_path}/data/warehouse",
    }
    return replace(own, environ=environ), home


def beside_a_manager(own: Program, tmp_path: Path, home: Path, session: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*managed(tmp_path / "manager"), "sh", "-c", session, "sh", SCRIPT],
        env=own.environ,
        cwd=home,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.exhaustive
def test_the_user_manager_runs_the_import_and_forgets_it(
    program: Program, tmp_path: Path, corpus: Callable[[str], Path], ccusage20: Path
) -> None:
    own, home = manager_home(program, tmp_path, corpus("september"), ccusage20)

    done = beside_a_manager(own, tmp_path, home, SESSION)

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert re.fullmatch(r"installed in systemd, daily at 00:(\d\d), 06:\1, 12:\1, 18:\1:", lines[0])
    assert [line for line in lines if line.startswith("next run ")] != []
    assert "timer: active" in lines
    assert lines[-2:] == ["Result=success", "removed from systemd"]
    shown = replace(own, home=home)(
        "query", "SELECT sum(cost_usd) AS c FROM daily", "--format", "csv", "--warehouse",
        own.environ["CCUSAGE_IMPORT_WAREHOUSE"],
    )  # fmt: skip
    assert shown.stdout == '"c"\n2.81842335\n'


WATCHED = """
set -eu
"$@" schedule install --watch --every 6h
mkdir -p "$HOME/.config/systemd/user/ccusage-import.service.d"
cp "$HOME/drop-in" "$HOME/.config/systemd/user/ccusage-import.service.d/test.conf"
systemctl --user daemon-reload
# Without the drop-in it may have failed already: forget that, and how often it was started anew.
systemctl --user stop ccusage-import.service
systemctl --user reset-failed ccusage-import.service || true
systemctl --user start ccusage-import.service
"$@" schedule status
first=$(systemctl --user show ccusage-import.service --property=MainPID)
kill -KILL "${first#MainPID=}"
until [ "$(systemctl --user show ccusage-import.service --property=NRestarts,SubState --value | xargs)" = "1 running" ]
do sleep 0.1; done
"$@" schedule status
"$@" schedule install --every 6h
systemctl --user show ccusage-import.service --property=ActiveState,Result,UnitFileState
"$@" schedule install --watch
"$@" schedule remove
systemctl --user list-unit-files --no-legend 'ccusage-import*' || true
"""


@pytest.mark.exhaustive
def test_the_user_manager_keeps_watch_running(
    program: Program, tmp_path: Path, corpus: Callable[[str], Path], ccusage20: Path
) -> None:
    """It is ready when it watches; killed, it is started anew; another schedule takes its place."""
    own, home = manager_home(program, tmp_path, corpus("september"), ccusage20, "[Service]\nRestartSec=0.1\n")

    done = beside_a_manager(own, tmp_path, home, WATCHED)

    assert done.returncode == 0, done.stdout + done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "installed in systemd, all the time:"
    facts = [line for line in lines if line.startswith(("service: ", "restarts: ", "last result: "))]
    assert facts == [
        "service: active (running)", "last result: success",
        "service: active (running)", "restarts: 1", "last result: success",
    ]  # fmt: skip
    says = {line for line in lines if line.startswith("says: ")}
    assert says <= {"says: watching", "says: importing the reports"}
    assert says
    assert "watch --quiet --reports-every 6h" in next(line for line in lines if line.startswith("command: "))
    replaced = lines.index("ActiveState=inactive")
    assert {"Result=success", "UnitFileState=static"} < set(lines[replaced - 2 : replaced + 3])
    assert lines[-1] == "removed from systemd"

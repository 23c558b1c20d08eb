"""Units of systemd and launchd: read by the real systemd-analyze and by plistlib, and taken by what is called."""

from __future__ import annotations

import json
import os
import plistlib
import shlex
import stat
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from ccusage_import.config.directories import Directories
from ccusage_import.config.layers import load_configuration
from ccusage_import.exceptions import ScheduleError
from ccusage_import.schedule.cron import Cron
from ccusage_import.schedule.launchd import Launchd
from ccusage_import.schedule.model import ALWAYS, InstalledSchedule, Schedule, Scheduler, Timing, daily_at, every
from ccusage_import.schedule.schedulers import choose, installed_schedule, plan
from ccusage_import.schedule.systemd import Systemd, timer
from tests.config.test_config import IDENTITY
from tests.conftest import Program
from tests.support.scheduling import (
    SCRIPT,
    at_home,
    crontab,
    isolated,
    needs_cron,
    needs_systemd,
    stand_in,
    with_stand_in,
)

ODD = """/srv/it's 100% my "own" $HOME/a\\b <&>"""
UNITS = ".config/systemd/user"


def odd_schedule(directory: Path) -> Schedule:
    """A schedule whose paths hold what the formats give a meaning to."""
    return Schedule(
        argv=(f"{ODD}/bin/ccusage-import", "import", "--quiet", "--config", f"{ODD}/config.toml"),
        environment={"PATH": f"{ODD}/bin:/usr/local/bin:/usr/bin:/bin", "HOME": str(directory)},
        timing=Timing((0, 6, 12, 18), 17),
        writable=(Path(ODD), directory),
        log_file=directory / "log" / "schedule.log",
        variables_file=directory / "schedule.env",
    )


def verified(*units: Path, runtime: Path) -> tuple[int, str]:
    """What the real systemd says of units of a user."""
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", *units],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
        env={"PATH": "/usr/bin:/bin", "HOME": str(runtime), "XDG_RUNTIME_DIR": str(runtime)},
    )
    return done.returncode, done.stdout + done.stderr


@needs_systemd
def test_systemd_has_nothing_to_say_about_the_units(tmp_path: Path) -> None:
    stand_in(tmp_path / "bin", "systemctl")
    systemd = Systemd({"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    systemd.install(odd_schedule(tmp_path))
    units = [tmp_path / UNITS / name for name in ("ccusage-import.service", "ccusage-import.timer")]

    assert verified(*units, runtime=tmp_path) == (0, "")


@needs_systemd
def test_systemd_has_nothing_to_say_about_a_service_that_stays(tmp_path: Path) -> None:
    stand_in(tmp_path / "bin", "systemctl")
    systemd = Systemd({"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"})
    systemd.install(replace(odd_schedule(tmp_path), timing=None))

    assert not (tmp_path / UNITS / "ccusage-import.timer").exists()
    assert verified(tmp_path / UNITS / "ccusage-import.service", runtime=tmp_path) == (0, "")


@needs_systemd
@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("LockPersonality", "LockPersonalities", "'LockPersonalities'"),
        ("AF_INET6", "AF_INET7", "Failed to parse address family"),
        ("/usr/bin/env", "/usr/bin/nonexistent", "is not executable"),
        ('"import"', '"import', "nbalanced quoting"),
    ],
)
def test_systemd_would_say_what_is_wrong(tmp_path: Path, old: str, new: str, said: str) -> None:
    text = next(iter(Systemd({"HOME": str(tmp_path)}).files(odd_schedule(tmp_path)).values()))
    assert old in text
    unit = tmp_path / "ccusage-import.service"
    unit.write_text(text.replace(old, new))

    code, output = verified(unit, runtime=tmp_path)

    assert said in output
    assert (code, output) != (0, "")


@needs_systemd
@pytest.mark.parametrize(
    ("timing", "normal"),
    [
        (Timing(tuple(range(24)), 17), "*-*-* *:17:00"),
        (Timing((0, 6, 12, 18), 5), "*-*-* 00,06,12,18:05:00"),
        (Timing((9,), 30), "*-*-* 09:30:00"),
        (Timing(tuple(range(24)), 7, 15), "*-*-* *:07,22,37,52:00"),
    ],
)
def test_systemd_reads_the_calendar_as_it_is_meant(timing: Timing, normal: str) -> None:
    [calendar] = [line for line in timer(timing).splitlines() if line.startswith("OnCalendar=")]

    done = subprocess.run(
        ["systemd-analyze", "calendar", calendar.removeprefix("OnCalendar=")],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )

    assert f"Normalized form: {normal}\n" in done.stdout
    assert "Next elapse: " in done.stdout


def test_units_are_read_back_as_they_were_meant(tmp_path: Path) -> None:
    stand_in(tmp_path / "bin", "systemctl")
    stand_in(tmp_path / "bin", "launchctl")
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    for scheduler in (Systemd(environ), Launchd(environ, 501)):
        scheduler.install(odd_schedule(tmp_path))
        installed = scheduler.read()

        assert installed is not None
        assert installed.argv == (
            """/srv/it's 100% my "own" $HOME/a\\b <&>/bin/ccusage-import""", "import", "--quiet", "--config",
            """/srv/it's 100% my "own" $HOME/a\\b <&>/config.toml""",
        )  # fmt: skip
        assert installed.environment == {
            "PATH": """/srv/it's 100% my "own" $HOME/a\\b <&>/bin:/usr/local/bin:/usr/bin:/bin""",
            "HOME": str(tmp_path),
        }
        assert installed.when == "daily at 00:17, 06:17, 12:17, 18:17"
        assert installed.timing == Timing((0, 6, 12, 18), 17)
        assert installed.missing_paths == (
            """/srv/it's 100% my "own" $HOME/a\\b <&>/bin/ccusage-import""",
            """/srv/it's 100% my "own" $HOME/a\\b <&>/config.toml""",
            """/srv/it's 100% my "own" $HOME/a\\b <&>/bin""",
        )
        assert scheduler.remove() is True
        assert scheduler.read() is None
        assert scheduler.remove() is False


def test_the_service_may_write_where_the_program_does_and_runs_hardened(program: Program, tmp_path: Path) -> None:
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl")

    done = own(
        "schedule", "install", "--at", "09:30", CCUSAGE_IMPORT_WAREHOUSE=f"chdb://{tmp_path}/elsewhere/warehouse"
    )

    assert done.exit_code == 0, done.stderr
    lines = (own.home / UNITS / "ccusage-import.service").read_text().splitlines()
    places = [line.removeprefix("ReadWritePaths=") for line in lines if line.startswith("ReadWritePaths=")]
    assert places == [
        f'"-{own.home}/.config/ccusage-import"',
        f'"-{own.home}/.local/share/ccusage-import"',
        f'"-{own.home}/.local/state/ccusage-import"',
        f'"-{own.home}/.local/state/ccusage-import/log"',
        f'"-{tmp_path}/elsewhere"',
    ]
    assert all(Path(place.strip('"').removeprefix("-")).is_dir() for place in places)
    for option in ("NoNewPrivileges=true", "PrivateTmp=true", "ProtectSystem=strict", "UMask=0077", "Type=oneshot"):
        assert option in lines
    assert not [line for line in lines if line.startswith("MemoryDenyWriteExecute")]
    timer_lines = (own.home / UNITS / "ccusage-import.timer").read_text().splitlines()
    assert "OnCalendar=*-*-* 09:30:00" in timer_lines
    assert "Persistent=true" in timer_lines
    assert "RandomizedDelaySec=300s" in timer_lines


@pytest.mark.parametrize(
    ("runner", "caches", "metrics"),
    [("npx", [".npm"], "metrics"), ("bunx", [".bun", ".cache"], "nowhere"), ("ccusage", [], "metrics")],
)
def test_a_job_may_write_what_it_and_its_runner_write(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, runner: str, caches: list[str], metrics: str
) -> None:
    # Nothing that is installed on this machine.
    monkeypatch.setattr("ccusage_import.schedule.paths.SYSTEM_PATH", ())
    stand_in(tmp_path / "bin", runner)
    (tmp_path / "metrics").mkdir()
    own, home = Directories.within(tmp_path / "own"), tmp_path / "home"
    flags = {"metrics_file": tmp_path / metrics / "own.prom", "log_file": tmp_path / "logs" / "own.log"}
    configuration = load_configuration(flags, {}, identity=IDENTITY, directories=own)
    environ = {"HOME": str(home), "PATH": f"{tmp_path}/bin", "TMPDIR": str(tmp_path / "tmp")}

    job = plan(configuration, environ, ("/srv/bin/ccusage-import",), daily_at("9:30"), None)

    assert list(job.writable) == [
        own.data,
        own.state,
        own.log,
        tmp_path / "logs",
        *([tmp_path / "metrics"] if metrics == "metrics" else []),
        *(home / name for name in caches),
    ]


def test_no_secret_is_in_the_units(program: Program, tmp_path: Path) -> None:
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl")

    done = own("schedule", "install", CH_PASSWORD="s3cret", CCUSAGE_IMPORT_SALT="s3cret")

    variables = own.home / ".config/ccusage-import/schedule.env"
    assert stat.S_IMODE(variables.stat().st_mode) == 0o600
    units = "".join(file.read_text() for file in (own.home / UNITS).iterdir())
    assert f'"--env-file" "{variables}"' in units
    assert "s3cret" not in units + done.stdout + done.stderr


def test_the_user_manager_is_told_in_order(program: Program, tmp_path: Path) -> None:
    own, log = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl")

    done = own("schedule", "install")
    assert done.stdout.startswith("installed in systemd, every hour at minute ")
    assert "loginctl enable-linger" in done.stdout
    assert log.read_text().splitlines()[:4] == [
        "--user show-environment",
        "--user daemon-reload",
        "--user enable ccusage-import.timer",
        "--user restart ccusage-import.timer",
    ]

    log.unlink()
    assert own("schedule", "remove").stdout == "removed from systemd\n"
    assert "--user disable --now ccusage-import.timer" in log.read_text().splitlines()
    assert log.read_text().splitlines()[-1] == "--user daemon-reload"
    assert list((own.home / UNITS).iterdir()) == []


@pytest.mark.parametrize("scheduler", ["systemd", "launchd"])
def test_watch_is_kept_running(program: Program, tmp_path: Path, scheduler: str) -> None:
    own, log = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl")
    own, _ = with_stand_in(own, tmp_path / "bin", "launchctl")

    done = own("schedule", "install", "--watch", "--every", "30m", "--scheduler", scheduler)

    assert done.exit_code == 0, done.stderr
    assert done.stdout.startswith(f"installed in {scheduler}, all the time:\n")
    found = json.loads(own("schedule", "status", "--json").stdout)
    assert (found["when"], found["argv"]) == ("all the time", [SCRIPT, "watch", "--quiet", "--reports-every", "30m"])
    if scheduler == "systemd":
        assert log.read_text().splitlines()[1:4] == [
            "--user daemon-reload",
            "--user enable ccusage-import.service",
            "--user restart --no-block ccusage-import.service",
        ]
        # What imports now and then takes its place, and the other way round.
        assert own("schedule", "install").exit_code == 0
        assert "--user disable --now ccusage-import.service" in log.read_text().splitlines()
        assert sorted(file.name for file in (own.home / UNITS).iterdir()) == [
            "ccusage-import.service",
            "ccusage-import.timer",
        ]
        assert own("schedule", "install", "--watch").exit_code == 0
        assert [file.name for file in (own.home / UNITS).iterdir()] == ["ccusage-import.service"]
    else:
        agent = plistlib.loads((own.home / "Library/LaunchAgents/ccusage-import.plist").read_bytes())
        assert (agent["KeepAlive"], agent["RunAtLoad"]) == ({"SuccessfulExit": False}, True)
        assert "StartCalendarInterval" not in agent
    assert own("schedule", "remove").stdout == f"removed from {scheduler}\n"
    assert own("schedule", "status").exit_code == 6


@pytest.mark.parametrize(
    ("arguments", "environ", "error"),
    [
        (("--at", "09:30"), {}, "--watch: takes an interval, not a time of day"),
        (("--hook",), {}, "--hook: Claude Code says when it starts"),
        (("--scheduler", "cron"), {}, "cron cannot keep a program running"),
        ((), {"CCUSAGE_IMPORT_TRANSCRIPTS": "false"}, "transcripts = false: leaves nothing to watch"),
    ],
)
def test_a_watch_that_cannot_be_kept_is_refused_and_nothing_is_written(
    program: Program, tmp_path: Path, arguments: tuple[str, ...], environ: dict[str, str], error: str
) -> None:
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl")
    own, log = with_stand_in(own, tmp_path / "bin", "crontab", 'echo "no crontab for ana" >&2; exit 1')

    done = own("schedule", "install", "--watch", *arguments, **environ)

    assert (done.exit_code, done.stderr.splitlines()[0]) == (2, f"ccusage-import: error: {error}")
    assert not (own.home / UNITS).exists()
    assert not log.exists() or "-" not in log.read_text().split()


def test_a_kept_watch_is_tried_as_an_import() -> None:
    words = ("/bin/ccusage-import", "watch", "--quiet", "--reports-every", "1h", "--config", "/c.toml")
    installed = InstalledSchedule("systemd", words, {}, "all the time", None, "")
    assert installed.trial == ("/bin/ccusage-import", "import", "--quiet", "--config", "/c.toml", "--dry-run")


@pytest.mark.parametrize(
    ("words", "timing", "options"),
    [
        ("import --quiet", every("1h", "studio"), ""),
        ("import --quiet", every("15m", "studio"), " --every 15m"),
        ("import --quiet", every("6h", "studio"), " --every 6h"),
        ("import --quiet --config '/my own.toml'", daily_at("9:05"), " --at 09:05 --config '/my own.toml'"),
        ("watch --quiet --reports-every 30m", None, " --watch --every 30m"),
    ],
)
def test_the_command_to_install_it_anew_keeps_what_it_does(words: str, timing: Timing | None, options: str) -> None:
    argv = ("/bin/ccusage-import", *shlex.split(words))
    installed = InstalledSchedule("systemd", argv, {}, str(timing or ALWAYS), timing, "")
    assert installed.again == f"ccusage-import schedule install{options}"


def test_status_asks_the_user_manager(program: Program, tmp_path: Path) -> None:
    script = """case "$*" in
  *show\\ ccusage-import.timer*) echo ActiveState=$STATE; echo "NextElapseUSecRealtime=Sat 2026-11-21 06:17:00 UTC" ;;
esac"""
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl", script)
    own("schedule", "install", "--at", "09:30")

    healthy = json.loads(own("schedule", "status", "--json", STATE="active").stdout)
    sick = own("schedule", "status", STATE="inactive")

    assert healthy["active"] is True
    assert healthy["argv"] == [SCRIPT, "import", "--quiet"]
    assert healthy["facts"] == {"timer": "active", "next run": "Sat 2026-11-21 06:17:00 UTC"}
    assert sick.exit_code == 6
    assert "not active: systemd will not start it\nhint: ccusage-import schedule install --at 09:30\n" in sick.stdout
    assert own("schedule", "show").stdout.startswith(f"# {own.home}/{UNITS}/ccusage-import.service\n# Written by ")


def test_a_manager_that_refuses_is_named_with_its_words(program: Program, tmp_path: Path) -> None:
    script = 'case "$*" in *enable*) echo "Failed to enable unit: no" >&2; exit 4 ;; esac'
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl", script)

    done = own("schedule", "install")

    assert done.exit_code == 2
    assert done.stderr == (
        "ccusage-import: error: `systemctl --user enable ccusage-import.timer` failed with exit code 4: "
        "Failed to enable unit: no\nhint: ccusage-import schedule install --scheduler cron\n"
    )


def test_a_manager_that_will_not_stop_the_timer_is_named_with_a_next_step(program: Program, tmp_path: Path) -> None:
    script = 'case "$*" in *disable*) echo "Failed to disable unit: no" >&2; exit 4 ;; esac'
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl", script)
    own("schedule", "install")

    done = own("schedule", "remove")

    assert done.exit_code == 2
    assert done.stderr == (
        "ccusage-import: error: `systemctl --user disable --now ccusage-import.timer` failed with exit code 4: "
        "Failed to disable unit: no\nhint: systemctl --user status ccusage-import.timer\n"
    )


def test_a_crontab_that_cannot_be_read_is_named_with_a_next_step(program: Program, tmp_path: Path) -> None:
    refusal = 'echo "crontab: cannot open the spool" >&2; exit 1'
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "crontab", refusal)

    done = own("schedule", "install", "--scheduler", "cron")

    assert done.exit_code == 2
    assert done.stderr == (
        "ccusage-import: error: `crontab -l` failed with exit code 1: crontab: cannot open the spool\n"
        "hint: see what crontab says; nothing was changed\n"
    )


@needs_cron
def test_a_change_of_scheduler_leaves_one_schedule(program: Program, tmp_path: Path) -> None:
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl")
    own = replace(own, prefix=isolated(tmp_path / "cron"))
    crontab(own, b"1 1 * * * other\n")

    own("schedule", "install", "--scheduler", "cron")
    assert b"ccusage-import" in (crontab(own) or b"")
    own("schedule", "install")
    assert crontab(own) == b"1 1 * * * other\n"
    assert json.loads(own("schedule", "status", "--json").stdout)["scheduler"] == "systemd"

    own("schedule", "install", "--scheduler", "cron")
    assert list((own.home / UNITS).iterdir()) == []
    assert json.loads(own("schedule", "status", "--json").stdout)["scheduler"] == "cron"


def test_who_may_not_use_crontab_has_a_timer_all_the_same(program: Program, tmp_path: Path) -> None:
    own, _ = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "systemctl", "echo ActiveState=active")
    refusal = 'echo "You (ana) are not allowed to use this program (crontab)" >&2; exit 1'
    own, _ = with_stand_in(own, tmp_path / "bin", "crontab", refusal)

    assert own("schedule", "install").exit_code == 0
    assert own("schedule", "status").exit_code == 0
    assert own("schedule", "remove").stdout == "removed from systemd\n"
    assert own("schedule", "status").exit_code == 6
    done = own("schedule", "install", "--scheduler", "cron")
    assert done.exit_code == 2
    assert "`crontab -` failed with exit code 1: You (ana) are not allowed to use this program" in done.stderr


def test_the_agent_holds_no_secret_and_makes_up_for_sleep(program: Program, tmp_path: Path) -> None:
    own, log = with_stand_in(at_home(program, tmp_path), tmp_path / "bin", "launchctl")

    done = own("schedule", "install", "--scheduler", "launchd", "--every", "12h", CH_PASSWORD="s3cret")

    assert done.exit_code == 0, done.stderr
    file = own.home / "Library/LaunchAgents/ccusage-import.plist"
    variables = own.home / ".config/ccusage-import/schedule.env"
    agent = plistlib.loads(file.read_bytes())
    minute = agent["StartCalendarInterval"][0]["Minute"]
    assert 1 <= minute <= 59
    assert agent == {
        "Label": "ccusage-import",
        "ProgramArguments": [SCRIPT, "import", "--quiet", "--env-file", str(variables)],
        "EnvironmentVariables": {"PATH": agent["EnvironmentVariables"]["PATH"], "HOME": str(own.home)},
        "StartCalendarInterval": [{"Hour": 0, "Minute": minute}, {"Hour": 12, "Minute": minute}],
        "RunAtLoad": True,
        "ProcessType": "Background",
        "LowPriorityIO": True,
        "Umask": 0o077,
        "StandardErrorPath": str(own.home / ".local/state/ccusage-import/log/schedule.log"),
    }
    assert b"s3cret" not in file.read_bytes()
    assert stat.S_IMODE(variables.stat().st_mode) == 0o600
    assert (own.home / ".local/state/ccusage-import/log").is_dir()
    assert log.read_text().splitlines()[:3] == [
        f"bootout gui/{os.getuid()}/ccusage-import",
        f"enable gui/{os.getuid()}/ccusage-import",
        f"bootstrap gui/{os.getuid()} {file}",
    ]


def test_an_agent_is_loaded_again_while_the_earlier_one_unloads(tmp_path: Path) -> None:
    script = 'case "$1" in bootout) exit 3 ;; bootstrap) test $(grep -c bootstrap "$0.log") -ge 3 || exit 5 ;; esac'
    log = stand_in(tmp_path / "bin", "launchctl", script)
    launchd = Launchd({"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, 501)

    launchd.install(odd_schedule(tmp_path))

    assert [line.split()[0] for line in log.read_text().splitlines()] == [
        "bootout", "enable", "bootstrap", "bootstrap", "bootstrap",
    ]  # fmt: skip


def test_a_session_without_a_screen_is_told_so(tmp_path: Path) -> None:
    said = "Bootstrap failed: 125: Domain does not support specified action"
    script = f'case "$1" in bootstrap) echo "{said}" >&2; exit 125 ;; esac'
    stand_in(tmp_path / "bin", "launchctl", script)
    launchd = Launchd({"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}, 501)

    with pytest.raises(ScheduleError, match="exit code 125: Bootstrap failed: 125") as caught:
        launchd.install(odd_schedule(tmp_path))

    assert "log in at the Mac's own screen" in caught.value.hint


def test_launchd_tells_of_the_last_run(tmp_path: Path) -> None:
    script = (
        """printf 'gui/501/ccusage-import = {\\n\\tstate = not running\\n\\truns = 7\\n\\tlast exit code = 4\\n}\\n'"""
    )
    stand_in(tmp_path / "loaded", "launchctl", script)
    stand_in(tmp_path / "unloaded", "launchctl", "exit 113")
    installed = InstalledSchedule("launchd", (), {}, "", None, "")
    states = [
        Launchd({"HOME": str(tmp_path), "PATH": f"{tmp_path}/{name}:/usr/bin:/bin"}, 501).state(installed)
        for name in ("loaded", "unloaded")
    ]

    assert states[0].is_active
    assert states[0].facts == {"agent": "loaded", "state": "not running", "runs": "7", "last exit code": "4"}
    assert not states[1].is_active


def test_folders_that_macos_guards_are_named(tmp_path: Path) -> None:
    launchd = Launchd({"HOME": str(tmp_path)}, 501)
    schedule = odd_schedule(tmp_path)

    assert launchd.hints(schedule) == []
    guarded = replace(schedule, argv=(f"{tmp_path}/Documents/venv/bin/ccusage-import", "import"))
    place = f"{tmp_path}/Documents/venv/bin/ccusage-import"
    assert launchd.hints(guarded) == [
        f"macOS lets no agent read {place} without Full Disk Access: move it, or allow {place}"
    ]


def test_the_scheduler_follows_from_the_platform(tmp_path: Path) -> None:
    for name in ("launchctl", "systemctl", "crontab"):
        stand_in(tmp_path / "all", name)
    stand_in(tmp_path / "no-manager", "systemctl", "exit 1")
    stand_in(tmp_path / "no-manager", "crontab")

    def chosen(programs: str, platform: str, name: str = "auto") -> str:
        environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/{programs}:/bin"}
        known: dict[str, Scheduler] = {
            "launchd": Launchd(environ, 501),
            "systemd": Systemd(environ),
            "cron": Cron(environ, tmp_path),
        }
        return choose(name, known, platform).name

    assert chosen("all", "darwin") == "launchd"
    assert chosen("all", "linux") == "systemd"
    assert chosen("no-manager", "linux") == "cron"
    assert chosen("all", "darwin", "cron") == "cron"
    with pytest.raises(ScheduleError, match="systemd cannot be used here: `systemctl --user show-environment`"):
        chosen("no-manager", "linux", "systemd")


@pytest.mark.parametrize("content", ["", "<plist>", "<plist><array/></plist>", "<plist><dict/></plist>"])
def test_an_agent_that_somebody_broke_is_an_error(tmp_path: Path, content: str) -> None:
    file = tmp_path / "Library/LaunchAgents/ccusage-import.plist"
    file.parent.mkdir(parents=True)
    file.write_text(content)

    with pytest.raises(ScheduleError, match="is not the agent that was installed"):
        installed_schedule(Directories(tmp_path, tmp_path, tmp_path, tmp_path), {"HOME": str(tmp_path), "PATH": ""})


def test_a_service_that_somebody_broke_is_an_error(tmp_path: Path) -> None:
    systemd = Systemd({"HOME": str(tmp_path), "PATH": ""})
    unit = tmp_path / UNITS / "ccusage-import.service"
    unit.parent.mkdir(parents=True)
    for text in ("", "[Service]\nExecStart=\n", '[Service]\nExecStart="unpaired\n'):
        unit.write_text(text)
        with pytest.raises(ScheduleError, match="ccusage-import.service: ExecStart cannot be read"):
            systemd.read()
    assert systemd.remove() is True
    assert not unit.exists()


def test_intervals_divide_the_day_and_spread_over_the_hour() -> None:
    assert every("6h", "a").hours == (0, 6, 12, 18)
    assert every("8h", "a").hours == (4, 12, 20)
    assert every("1d", "a").hours == (12,)
    assert every("1h", "a").hours == tuple(range(24))
    assert every("6h", "a").minute == every("1h", "a").minute
    minutes = [every("1h", f"host{number}").minute for number in range(1000)]
    assert set(minutes) == set(range(1, 60))
    assert every("5m", "a").minutes == tuple(range(every("5m", "a").minute, 60, 5))
    assert {every("5m", f"host{number}").minutes for number in range(1000)} == {
        (0, 5, 10, 15, 20, 25, 30, 35, 40, 45, 50, 55),
        (1, 6, 11, 16, 21, 26, 31, 36, 41, 46, 51, 56),
        (2, 7, 12, 17, 22, 27, 32, 37, 42, 47, 52, 57),
        (3, 8, 13, 18, 23, 28, 33, 38, 43, 48, 53, 58),
        (4, 9, 14, 19, 24, 29, 34, 39, 44, 49, 54, 59),
    }
    assert every("30m", "a").hours == tuple(range(24))


@pytest.mark.parametrize(
    ("timing", "shown"),
    [
        (Timing((0, 6, 12, 18), 17), "daily at 00:17, 06:17, 12:17, 18:17"),
        (Timing(tuple(range(24)), 17), "every hour at minute 17"),
        (Timing(tuple(range(24)), 7, 30), "every 30 minutes from minute 7"),
        (Timing(tuple(range(24)), 0, 5), "every 5 minutes from minute 0"),
    ],
)
def test_every_scheduler_states_a_timing_and_reads_it_back(tmp_path: Path, timing: Timing, shown: str) -> None:
    for tool in ("systemctl", "launchctl"):
        stand_in(tmp_path / "bin", tool)
    crontab = 'case "$1" in -l) cat "$HOME/tab" 2>/dev/null || true ;; -) cat > "$HOME/tab" ;; esac'
    stand_in(tmp_path / "bin", "crontab", crontab)
    environ = {"HOME": str(tmp_path), "PATH": f"{tmp_path}/bin:/usr/bin:/bin"}
    plain = replace(odd_schedule(tmp_path), argv=("/srv/bin/ccusage-import",), environment={}, timing=timing)
    for scheduler in (Systemd(environ), Launchd(environ, 501), Cron(environ, tmp_path / "backup")):
        scheduler.install(plain)
        installed = scheduler.read()

        assert installed is not None
        assert (installed.timing, installed.when) == (timing, shown)


@pytest.mark.parametrize(
    ("timing", "now", "start"),
    [
        (Timing((0, 6, 12, 18), 17), "2026-11-21T06:16", "2026-11-21T06:17"),
        (Timing((0, 6, 12, 18), 17), "2026-11-21T06:17", "2026-11-21T12:17"),
        (Timing((0, 6, 12, 18), 17), "2026-11-21T18:18", "2026-11-22T00:17"),
        (Timing((9,), 30), "2026-12-31T09:30", "2027-01-01T09:30"),
        (Timing(tuple(range(24)), 7, 15), "2026-11-21T06:22", "2026-11-21T06:37"),
        (Timing(tuple(range(24)), 7, 15), "2026-11-21T23:52", "2026-11-22T00:07"),
    ],
)
def test_the_next_start_follows_from_the_timing(timing: Timing, now: str, start: str) -> None:
    assert timing.next_after(datetime.fromisoformat(now).replace(tzinfo=UTC)) == datetime.fromisoformat(start).replace(
        tzinfo=UTC
    )
    assert daily_at("9:30") == Timing((9,), 30)


@pytest.mark.parametrize("name", ["a\nb", "a\x1bb", "a\x00b", "a\udce9b"])
def test_what_no_schedule_can_carry_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ScheduleError, match="holds a character that no schedule can carry"):
        replace(odd_schedule(tmp_path), argv=(f"/srv/{name}/ccusage-import", "import"))


def test_a_program_that_cannot_be_started_leaves_the_other_schedulers(tmp_path: Path) -> None:
    tool = tmp_path / "crontab"
    tool.write_bytes(b"\x7fELF")
    tool.chmod(0o755)

    with pytest.raises(ScheduleError) as raised:
        Cron({"PATH": str(tmp_path)}, tmp_path).read()

    assert str(raised.value) == "crontab cannot be started: Exec format error"
    assert raised.value.hint == "choose another scheduler: --scheduler NAME"

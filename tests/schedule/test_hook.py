"""The hook of Claude Code: what is written into its settings and taken out again, and the import that it starts."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.schedule.hook import _seconds_to_wait
from tests.conftest import Program, Result
from tests.support.claude_dir import ClaudeDir
from tests.support.scheduling import SCRIPT, at_home

OTHERS = b"""{
    "model": "opus",
    "hooks": {
        "Stop": [{"hooks": [{"type": "command", "command": "say 'd\xc3\xb6ne'"}]}],
        "PreToolUse": [{"matcher": "Bash", "hooks": []}]
    },
    "big": 12345678901234567890, "share": 1.50
}"""


@pytest.fixture
def own(program: Program, tmp_path: Path) -> Program:
    """A home with a directory of Claude Code."""
    own = at_home(program, tmp_path)
    (own.home / ".claude").mkdir()
    return own


def settings_file(own: Program) -> Path:
    return own.home / ".claude" / "settings.json"


def commands(own: Program, event: str) -> list[str]:
    """The commands of an event."""
    hooks: dict[str, Any] = json.loads(settings_file(own).read_bytes()).get("hooks", {})
    return [hook["command"] for group in hooks.get(event, []) for hook in group["hooks"]]


def test_the_status_knows_the_hook(own: Program) -> None:
    assert own("schedule", "status").exit_code == 6
    assert own("schedule", "install", "--hook").exit_code == 0

    shown = own("schedule", "status")
    assert (shown.exit_code, shown.stdout) == (
        0,
        f"hook in {settings_file(own)}: Claude Code starts it after each answer and session\n",
    )
    found = json.loads(own("schedule", "status", "--json").stdout)
    assert found == {"installed": False, "hook": str(settings_file(own))}

    # What cannot be read is told of by whoever wants to change it.
    settings_file(own).write_bytes(b"{")
    assert json.loads(own("schedule", "status", "--json").stdout) == {"installed": False, "hook": None}


def test_hooks_that_are_turned_off_start_nothing(own: Program) -> None:
    assert own("schedule", "install", "--hook").exit_code == 0
    settings = json.loads(settings_file(own).read_bytes())
    settings_file(own).write_text(json.dumps({**settings, "disableAllHooks": True}))
    off = settings_file(own).read_bytes()

    shown = own("schedule", "status")
    refused = own("schedule", "install", "--hook")

    assert (shown.exit_code, shown.stdout) == (6, "not installed; ccusage-import schedule install\n")
    assert refused.exit_code == 2
    assert refused.stderr == (
        f"ccusage-import: error: {settings_file(own)}: disableAllHooks turns every hook off; nothing was changed\n"
        "hint: take disableAllHooks out of it\n"
    )
    assert settings_file(own).read_bytes() == off


def test_it_joins_what_is_there_and_leaves_every_byte_of_that(own: Program) -> None:
    settings_file(own).write_bytes(OTHERS)
    settings_file(own).chmod(0o644)

    done = own("schedule", "install", "--hook")

    assert (done.exit_code, done.stdout) == (0, f"installed in {settings_file(own)}\n")
    [say, ours] = commands(own, "Stop")
    assert say == "say 'döne'"
    assert ours.startswith("/usr/bin/env PATH=")
    assert ours.endswith(f"{SCRIPT} schedule hook")
    assert commands(own, "SessionEnd") == [ours]
    written = json.loads(settings_file(own).read_bytes())
    assert (written["model"], written["big"], written["share"]) == ("opus", 12345678901234567890, 1.5)
    assert written["hooks"]["PreToolUse"] == [{"matcher": "Bash", "hooks": []}]
    text = settings_file(own).read_text("utf-8")
    assert text.startswith('{\n    "model": "opus",\n    "hooks": {\n        "Stop": [')
    assert "say 'döne'" in text
    assert settings_file(own).stat().st_mode & 0o777 == 0o644
    [copy] = own.home.rglob("claude-settings-*.json")
    assert (copy.read_bytes(), copy.stat().st_mode & 0o777) == (OTHERS, 0o600)

    again = own("schedule", "install", "--hook")
    assert again.stdout == f"was installed already in {settings_file(own)}\n"
    assert len(commands(own, "Stop")) == 2

    assert own("schedule", "remove", "--hook").stdout == f"removed from {settings_file(own)}\n"
    assert settings_file(own).read_bytes() == OTHERS
    assert own("schedule", "remove", "--hook").stdout == "nothing was installed\n"


def test_another_command_takes_the_place_of_the_first_one(own: Program) -> None:
    settings_file(own).write_bytes(OTHERS)
    config = own.home / "other.toml"
    config.touch(0o600)
    own("schedule", "install", "--hook")

    assert own("schedule", "install", "--hook", "--config", str(config)).exit_code == 0

    [_, ours] = commands(own, "Stop")
    assert ours.endswith(f"{SCRIPT} schedule hook --config {config}")
    assert own("schedule", "remove", "--hook").exit_code == 0
    assert settings_file(own).read_bytes() == OTHERS


def test_where_there_was_no_file_none_is_left(own: Program) -> None:
    assert own("schedule", "install", "--hook").exit_code == 0
    assert settings_file(own).stat().st_mode & 0o777 == 0o600

    assert own("schedule", "remove", "--hook").exit_code == 0
    assert not settings_file(own).exists()


def test_what_changed_meanwhile_stays(own: Program) -> None:
    settings_file(own).write_bytes(OTHERS)
    own("schedule", "install", "--hook")
    changed = json.loads(settings_file(own).read_bytes())
    changed["hooks"]["Stop"].append({"hooks": [{"type": "command", "command": "ring"}]})
    changed["hooks"]["SessionEnd"][0]["hooks"].append({"type": "command", "command": "ccusage-import schedule status"})
    settings_file(own).write_text(json.dumps(changed))

    assert own("schedule", "remove", "--hook").exit_code == 0

    assert commands(own, "Stop") == ["say 'döne'", "ring"]
    assert commands(own, "SessionEnd") == ["ccusage-import schedule status"]
    left = json.loads(settings_file(own).read_bytes())
    assert left["hooks"]["PreToolUse"] == [{"matcher": "Bash", "hooks": []}]
    assert list(left) == ["model", "hooks", "big", "share"]


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b'{"model": "opus",}', "cannot be read: "),
        (b"", "cannot be read: "),
        (b'{"a": "\xff"}', "cannot be read: "),
        (b'{"hooks": {}, "hooks": {}}', "cannot be read: it has a name twice; nothing was changed"),
        (b'{"a": NaN}', "cannot be read: NaN is not JSON; nothing was changed"),
        (b'{"a": [-Infinity]}', "cannot be read: -Infinity is not JSON; nothing was changed"),
        (b'{"a": 1e400}', "cannot be read: the number 1e400 cannot be kept as it is; nothing was changed"),
        (b'{"a": 1e-400}', "cannot be read: the number 1e-400 cannot be kept as it is; nothing was changed"),
        (b'{"a": 0e99999999999999999999}', "cannot be read: the number 0e9"),
        (b'{"a": 12345678901234567890.5}', "cannot be read: the number 12345678901234567890.5 cannot be kept"),
        (b"[]", "is not what Claude Code takes; nothing was changed"),
        (b'{"hooks": []}', "is not what Claude Code takes; nothing was changed"),
        (b'{"hooks": {"Stop": {}}}', "is not what Claude Code takes; nothing was changed"),
    ],
)
def test_a_file_that_is_not_understood_is_left_alone(own: Program, content: bytes, why: str) -> None:
    settings_file(own).write_bytes(content)

    for action in ("install", "remove"):
        done = own("schedule", action, "--hook")
        assert (done.exit_code, done.stdout) == (2, "")
        assert done.stderr.startswith(f"ccusage-import: error: {settings_file(own)}: {why}")
        assert settings_file(own).read_bytes() == content
    assert not list(own.home.rglob("claude-settings-*"))


def test_half_a_character_stays_what_it_is(own: Program) -> None:
    half = rb'{"model": "\ud800", "\udc00\ud800": "\\ud800 \ud83d\ude00"}'
    settings_file(own).write_bytes(half)

    shown = own("schedule", "install", "--hook", "--dry-run")
    assert own("schedule", "install", "--hook").exit_code == 0

    written = settings_file(own).read_bytes()
    assert shown.stdout.encode().endswith(written)
    kept = json.loads(written)
    del kept["hooks"]
    assert kept == json.loads(half)
    assert own("schedule", "remove", "--hook").exit_code == 0
    assert settings_file(own).read_bytes() == half


def test_the_directory_is_that_of_the_environment_and_a_link_stays_one(own: Program, tmp_path: Path) -> None:
    other, dotfiles = tmp_path / "other", tmp_path / "dotfiles"
    other.mkdir()
    dotfiles.mkdir()
    (dotfiles / "claude.json").write_bytes(OTHERS)
    (other / "settings.json").symlink_to(dotfiles / "claude.json")

    assert own("schedule", "install", "--hook", CLAUDE_CONFIG_DIR=str(other)).exit_code == 0

    assert (other / "settings.json").is_symlink()
    assert b" schedule hook --env-file " in (dotfiles / "claude.json").read_bytes()
    [variables] = own.home.rglob("hook*.env")
    assert (variables.stat().st_mode & 0o777, f"CLAUDE_CONFIG_DIR={other}\n" in variables.read_text()) == (0o600, True)
    assert not settings_file(own).exists()
    assert own("schedule", "remove", "--hook", CLAUDE_CONFIG_DIR=str(other)).exit_code == 0
    assert (dotfiles / "claude.json").read_bytes() == OTHERS
    assert not list(own.home.rglob("hook*.env"))


def test_links_in_a_circle_are_an_error(own: Program) -> None:
    settings_file(own).symlink_to(settings_file(own))

    done = own("schedule", "install", "--hook")

    assert (done.exit_code, "Too many levels of symbolic links; nothing was changed" in done.stderr) == (2, True), done
    assert own("schedule", "status").stdout == "not installed; ccusage-import schedule install\n"


def test_each_settings_file_has_variables_of_its_own(own: Program, tmp_path: Path) -> None:
    homes = [{"CLAUDE_CONFIG_DIR": str(tmp_path / name)} for name in ("a", "b")]
    for home in homes:
        Path(home["CLAUDE_CONFIG_DIR"]).mkdir()
    own("schedule", "install", "--hook", **homes[0], CCUSAGE_IMPORT_PASSWORD="x")
    [of_first] = own.home.rglob("hook*.env")
    written = of_first.read_bytes()

    assert own("schedule", "remove", "--hook", **homes[1]).stdout == "nothing was installed\n"
    assert own("schedule", "install", "--hook").exit_code == 0
    assert own("schedule", "install", "--hook", **homes[1], CCUSAGE_IMPORT_PASSWORD="y").exit_code == 0
    assert len(list(own.home.rglob("hook*.env"))) == 2
    assert own("schedule", "remove", "--hook", **homes[1]).exit_code == 0

    assert list(own.home.rglob("hook*.env")) == [of_first]
    assert of_first.read_bytes() == written


@pytest.mark.parametrize("action", ["install", "remove"])
def test_a_file_of_variables_that_an_earlier_release_wrote_goes_with_its_hook(own: Program, action: str) -> None:
    own("schedule", "install", "--hook", CCUSAGE_IMPORT_PASSWORD="x")
    [variables] = own.home.rglob("hook*.env")
    earlier = variables.rename(variables.with_name("hook.env"))
    text = settings_file(own).read_text().replace(variables.name, earlier.name)
    settings_file(own).write_text(text)

    assert own("schedule", "status").exit_code == 0
    assert earlier.exists()
    assert own("schedule", action, "--hook").exit_code == 0

    assert "--env-file" not in settings_file(own).read_text()
    assert not earlier.exists()


def test_a_file_that_others_wrote_stays_when_the_hook_goes(own: Program) -> None:
    own("schedule", "install", "--hook", CCUSAGE_IMPORT_PASSWORD="x")
    [variables] = own.home.rglob("hook*.env")
    mine = variables.rename(own.home / "hook.env")
    settings_file(own).write_text(settings_file(own).read_text().replace(str(variables), str(mine)))

    assert own("schedule", "remove", "--hook").exit_code == 0

    assert mine.exists()


def test_a_dry_run_only_shows(own: Program) -> None:
    settings_file(own).write_bytes(OTHERS)

    shown = own("schedule", "install", "--hook", "--dry-run")

    assert shown.stdout.startswith(f"would write {settings_file(own)}:\n{{\n")
    assert "schedule hook" in shown.stdout
    assert settings_file(own).read_bytes() == OTHERS


def refused(done: Result, message: str) -> bool:
    return done.exit_code == 2 and done.stderr.startswith(f"ccusage-import: error: {message}")


def test_what_does_not_go_together_is_refused(own: Program) -> None:
    assert refused(own("schedule", "install", "--hook", "--every", "5m"), "--hook: Claude Code says when it starts")
    (own.home / ".claude").rmdir()
    assert refused(own("schedule", "install", "--hook"), f"{own.home}/.claude: there is no such directory")


def hooked(program: Program, tmp_path: Path) -> Result:
    """Run the hook as Claude Code does, until its pipes are closed, in a directory with modules of its own."""
    (tmp_path / "project").mkdir(exist_ok=True)
    (tmp_path / "project" / "ccusage_import.py").write_text("raise SystemExit(9)")
    code = "import sys; from ccusage_import.__main__ import main; sys.argv[1:] = ['schedule', 'hook']; main()"
    done = subprocess.run(
        [sys.executable, "-P", "-c", code],
        env=program.environ,
        cwd=tmp_path / "project",
        input="{}",
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    return Result(done.returncode, done.stdout, done.stderr)


def imported(program: Program) -> str:
    """Wait for an import, and return the status line that it left."""
    for _ in range(600):
        shown = program("statusline")
        if shown.exit_code == 0:
            return shown.stdout
        time.sleep(0.1)
    raise AssertionError("no import within a minute")


def test_it_returns_at_once_and_an_import_follows_and_only_one(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("now", datetime.now(UTC), 20_000)
    program.environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = str(claude.root)

    first = hooked(program, tmp_path)
    line = imported(program)
    [lock] = program.home.rglob("hook.lock")
    made = lock.parents[: len(lock.relative_to(program.home).parts) - 1]
    later = [hooked(program, tmp_path) for _ in range(3)]

    assert [first, *later] == [Result(0, "", "")] * 4
    assert line.startswith("today $0.30")
    assert {directory.stat().st_mode & 0o777 for directory in made} == {0o700}
    if Path("/proc/locks").exists():
        # One waits for the end of the minute; none of the hooks did.
        assert len(end_waiting(program)) == 1
    loads = program("query", "SELECT uniqExact(load_id) FROM loads", "--format", "csv").stdout.splitlines()
    assert loads[1] == "1"


def end_waiting(program: Program) -> set[str]:
    """End the processes that wait for the minute to pass, which hold the lock; return them."""
    [lock] = program.home.rglob("hook.lock")
    held = f":{lock.stat().st_ino} "
    for _ in range(100):
        owners = {line.split()[4] for line in Path("/proc/locks").read_text().splitlines() if held in line}
        if owners:
            break
        time.sleep(0.1)
    for owner in owners:
        subprocess.run(["kill", owner], check=True)
    return owners


@pytest.mark.parametrize(
    ("last", "seconds"),
    [(b"", 0.0), (b"soon", 0.0), (b"1000", 60.0), (b"990.5", 50.5), (b"940", 0.0), (b"1", 0.0), (b"1100", 0.0)],
)
def test_the_next_import_waits_for_the_rest_of_the_minute(last: bytes, seconds: float) -> None:
    assert _seconds_to_wait(last, 1000.0) == seconds

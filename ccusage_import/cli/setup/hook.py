"""`schedule install --hook` and `schedule remove --hook`: Claude Code starts the import."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path

from ccusage_import.cli.options import configured
from ccusage_import.config.directories import Directories
from ccusage_import.schedule import schedulers
from ccusage_import.schedule.claude_settings import WORDS, ClaudeSettings
from ccusage_import.schedule.model import every
from ccusage_import.schedule.paths import running_program

# Those of an earlier release are called hook.env, whatever settings they belong to.
VARIABLES = "hook*.env"


def install_hook(config: Path | None, *, dry_run: bool, quiet: bool) -> None:
    """Put the hook into Claude Code's settings."""
    configuration = configured({}, config)
    settings = ClaudeSettings.of(os.environ, configuration.directories.state)
    program = running_program(sys.argv[0], sys.executable, os.environ)
    # What starts it has no times, but a job has.
    timing = every("1h", "")
    job = schedulers.plan(
        configuration, os.environ, program, timing, config, words=WORDS, variables_name=settings.variables_name
    )
    command = shlex.join(job.command)
    if dry_run:
        print(f"would write {settings.file}:\n{settings.with_hook(command).decode()}", end="")
        return
    before = settings.variables_files()
    schedulers.write_variables(job)
    is_new = settings.install(command)
    _delete(before - settings.variables_files(), configuration.directories)
    if not quiet:
        print(f"{'installed' if is_new else 'was installed already'} in {settings.file}")


def remove_hook(*, quiet: bool) -> None:
    """Take the hook out of Claude Code's settings."""
    directories = Directories.of_platform()
    settings = ClaudeSettings.of(os.environ, directories.state)
    before = settings.variables_files()
    is_gone = settings.remove()
    _delete(before - settings.variables_files(), directories)
    if not quiet:
        print(f"removed from {settings.file}" if is_gone else "nothing was installed")


def _delete(files: set[Path], directories: Directories) -> None:
    """Delete environment files that the hook refers to no more, as far as they were written for one."""
    for file in files:
        if file.parent == directories.config and file.match(VARIABLES):
            file.unlink(missing_ok=True)

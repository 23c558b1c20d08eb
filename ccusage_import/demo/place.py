"""Where a demo lies: sample transcripts, moved to now, and a folder of its own that stays until the next demo."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ccusage_import.config.directories import Directories, home_of
from ccusage_import.config.kept.identity import choose_identity
from ccusage_import.config.layers import load_configuration
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from ccusage_import.documents import toml_text
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import file_lock, make_private_directory, write_private_file

SAMPLES = Path(__file__).parent / "transcripts"
_INSTANT = re.compile(r'"timestamp":"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3})Z"')
# The newest message is this old, so that the demo shows an active block.
NEWEST_AGE = timedelta(minutes=3)
# Between the last message of a subagent and that of its session: when what is older is deleted, it loses a part.
SWEPT_AGE = timedelta(days=31, minutes=30)
# Longer than a demo takes.
LOCK_WAIT_SECONDS = 60
OFFERED = ('query \\\n    "SELECT * FROM daily"', "query savings", "chart daily", "report")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a demo is made: its transcripts, and its own directories, which `keep` puts in the last demo's place."""

    claude: Path
    directories: Directories

    @classmethod
    @contextmanager
    def made(cls, *, is_kept: bool) -> Iterator[Place]:
        """Yield a place; what is not kept of it is deleted at the end."""
        with ExitStack() as stack:
            claude, directories = stack.enter_context(demo_directories(datetime.now(UTC)))
            yield cls(claude, stack.enter_context(_new_demo()) if is_kept else directories)

    def configuration(self, flags: Mapping[str, Any], config: Path | None, environ: Mapping[str, str]) -> Configuration:
        """Return a configuration that shares nothing with the user's own but how things are shown."""
        own = {
            **flags,
            "agents": ("claude",),
            "claude_dirs": (self.claude,),
            "machine": "demo",
            "hash_projects": False,
            "warehouse": str(EmbeddedWarehouse(self.directories.data / "warehouse")),
        }
        identity = choose_identity()
        return load_configuration(own, environ, identity=identity, directories=self.directories, config_file=config)

    def keep(self, configuration: Configuration) -> Directories:
        """Put what was made in the place of the last demo, and return where that is.

        Raises:
            ConfigurationError: the data directory cannot be written.
        """
        demo = Directories.of_platform().demo
        warehouse, zone = str(EmbeddedWarehouse(demo.data / "warehouse")), configuration.settings.timezone
        kept = {"warehouse": warehouse, "machine": "demo", "timezone": zone}
        lines = (f"{name} = {toml_text(value)}\n" for name, value in kept.items())
        write_private_file(self.directories.config_file, "".join((*lines, "hash_projects = false\n")))
        old = demo.data.with_name("demo.old")
        try:
            if demo.data.exists():
                demo.data.rename(old)
            self.directories.data.rename(demo.data)
        except OSError as error:
            raise _unwritable(demo.data, error) from None
        shutil.rmtree(old, ignore_errors=True)
        return demo


@contextmanager
def _new_demo() -> Iterator[Directories]:
    """Yield directories for a demo that may become the last one; another one waits meanwhile."""
    own = Directories.of_platform()
    folder = own.demo.data
    new, old = folder.with_name("demo.new"), folder.with_name("demo.old")
    with file_lock(own.state / "demo.lock", "the demo", LOCK_WAIT_SECONDS):
        try:
            if old.exists() and not folder.exists():
                # A demo was killed between its two renamings.
                old.rename(folder)
            for left in (new, old):
                shutil.rmtree(left, ignore_errors=True)
            make_private_directory(new)
        except OSError as error:
            raise _unwritable(folder, error) from None
        try:
            yield Directories.within(new)
        finally:
            shutil.rmtree(new, ignore_errors=True)


def _unwritable(folder: Path, error: OSError) -> ConfigurationError:
    return ConfigurationError(
        f"{folder}: the demo cannot write its warehouse: {error.strerror}", hint="make the directory writable"
    )


def what_next(page: Path) -> str:
    """Return what can be typed after a demo, as it can be copied."""
    program, config = _program(), _short(Directories.of_platform().demo.config_file)
    asked = "".join(f"\n  {program} {what} \\\n    --config {config}" for what in OFFERED)
    return (
        f"\na page of these samples, kept until the next demo:\n  {_short(page)}\n"
        f"to ask for more:{asked}\n"
        f"to import your own, once or all the time:\n  {program} import\n  {program} watch"
    )


def _program() -> str:
    """Return this program as it was called, or its name where the shell finds it by that."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m ccusage_import"
    found = shutil.which(called.name)
    return called.name if found and Path(found).samefile(called) else _short(called)


def _short(path: Path) -> str:
    """Return a path as a shell takes it, from the home directory on."""
    if path.is_relative_to(home := home_of(os.environ)):
        return f"~/{shlex.quote(str(path.relative_to(home)))}"
    return shlex.quote(str(path))


@contextmanager
def demo_directories(now: datetime) -> Iterator[tuple[Path, Directories]]:
    """Yield a data directory with the samples, and directories for a warehouse; both are deleted at the end."""
    with ExitStack() as stack:
        try:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ccusage-import-demo-")))
            _copy_samples(root / "claude", now)
        except OSError as error:
            raise ConfigurationError(
                f"the demo cannot write its files: {error.strerror}",
                hint="set TMPDIR to a directory that can be written",
            ) from None
        yield root / "claude", Directories.within(root / "own")


def _copy_samples(target: Path, now: datetime) -> None:
    texts = {file: file.read_text("utf-8") for file in sorted(SAMPLES.rglob("*.jsonl"))}
    newest = max(_parsed(match[1]) for text in texts.values() for match in _INSTANT.finditer(text))
    shift = now - NEWEST_AGE - newest
    for file, text in texts.items():
        copy = target / file.relative_to(SAMPLES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_INSTANT.sub(lambda match: _moved(match[1], shift), text), "utf-8")


def delete_old(claude: Path, before: datetime) -> int:
    """Delete the transcripts whose last message is older, as Claude Code does; return how many there were."""
    old = [file for file in claude.rglob("*.jsonl") if _last_message(file) < before]
    for file in old:
        file.unlink()
    return len(old)


def _last_message(transcript: Path) -> datetime:
    return max(_parsed(match[1]) for match in _INSTANT.finditer(transcript.read_text("utf-8")))


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _moved(text: str, shift: timedelta) -> str:
    moved = (_parsed(text) + shift).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f'"timestamp":"{moved}Z"'

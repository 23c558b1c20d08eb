"""The hook in Claude Code's settings: put in beside what is there, taken out again, and nothing else touched.

A file in which nothing else changed meanwhile gets back the very bytes it had.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shlex
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn

from ccusage_import.config.directories import expanded, home_of
from ccusage_import.documents import parse_json
from ccusage_import.exceptions import ScheduleError
from ccusage_import.files import reason_of
from ccusage_import.schedule.tools import write_file

EVENTS = ("Stop", "SessionEnd")
WORDS = ("schedule", "hook")
# Longer than it takes on a machine that is busy.
TIMEOUT_SECONDS = 10
_UNTOUCHED = "nothing was changed"
_INDENTATION = re.compile(rb"\n([ \t]+)")


@dataclass(frozen=True, slots=True)
class _Record:
    """What was written where, and the copy of what was there before; None where there was no file."""

    file: str
    written: str
    backup: str | None


@dataclass(frozen=True, slots=True)
class ClaudeSettings:
    """The user's settings of Claude Code; `state` keeps copies of what was replaced, and a record of the last."""

    file: Path
    state: Path

    @classmethod
    def of(cls, environ: Mapping[str, str], state: Path) -> ClaudeSettings:
        """Return the settings that Claude Code reads in an environment; a link leads to the file itself.

        Raises:
            ScheduleError: the directory is not there.
        """
        chosen = environ.get("CLAUDE_CONFIG_DIR")
        directory = expanded(Path(chosen)) if chosen else home_of(environ) / ".claude"
        if not directory.is_dir():
            raise ScheduleError(f"{directory}: there is no such directory of Claude Code", hint="use Claude Code once")
        # Of links in a circle the first one is named when it is read.
        return cls(Path(os.path.realpath(directory / "settings.json")), state)

    @property
    def variables_name(self) -> str:
        """What the environment file of the hook in it is called: another settings file has one of its own."""
        return f"hook-{_digest(os.fsencode(self.file))[:12]}.env"

    def variables_files(self) -> set[Path]:
        """Return the environment files that the hook in it refers to.

        Raises:
            ScheduleError: the file cannot be read, or is not what Claude Code takes.
        """
        options = filter(None, map(_options, _hooks(self._parsed(self._read()))))
        pairs = (pair for words in options for pair in pairwise(words))
        return {Path(file) for option, file in pairs if option == "--env-file"}

    def with_hook(self, command: str) -> bytes:
        """Return the contents of the file with the hook in it.

        Raises:
            ScheduleError: the file cannot be read, is not what Claude Code takes, or turns all hooks off.
        """
        old = self._read()
        settings = self._parsed(old)
        if _are_off(settings):
            raise ScheduleError(
                f"{self.file}: disableAllHooks turns every hook off; {_UNTOUCHED}",
                hint="take disableAllHooks out of it",
            )
        before = json.dumps(settings)
        _take_out(settings)
        hooks = settings.setdefault("hooks", {})
        entry = {"type": "command", "command": command, "timeout": TIMEOUT_SECONDS}
        for event in EVENTS:
            hooks.setdefault(event, []).append({"hooks": [entry]})
        return old if old is not None and json.dumps(settings) == before else _written(settings, old)

    def install(self, command: str) -> bool:
        """Put the hook in, in place of an earlier one; return whether anything had to change."""
        old, new = self._read(), self.with_hook(command)
        if new == old:
            return False
        record = self._record()
        if old is None:
            backup = None
        elif record and record.written == _digest(old):
            backup = record.backup
        else:
            backup = str(self._keep(old))
        self._write(new)
        write_file(self._record_file, json.dumps(asdict(_Record(str(self.file), _digest(new), backup))).encode())
        return True

    def remove(self) -> bool:
        """Take the hook out; return whether there was one.

        Raises:
            ScheduleError: the file cannot be read or written, or is not what Claude Code takes.
        """
        old, record = self._read(), self._record()
        if old is None:
            return False
        settings = self._parsed(old)
        if not _take_out(settings):
            return False
        if record and record.written == _digest(old):
            self._restore(record)
        else:
            self._keep(old)
            self._write(_written(settings, old))
        self._record_file.unlink(missing_ok=True)
        return True

    def has_hook(self) -> bool:
        """Return whether the hook is in it, and Claude Code starts it.

        Raises:
            ScheduleError: the file cannot be read, or is not what Claude Code takes.
        """
        settings = self._parsed(self._read())
        return not _are_off(settings) and _take_out(settings)

    @property
    def _record_file(self) -> Path:
        return self.state / "hook.json"

    def _read(self) -> bytes | None:
        try:
            return self.file.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ScheduleError(f"{self.file}: {error.strerror}; {_UNTOUCHED}", hint="make it readable") from None

    def _parsed(self, content: bytes | None) -> dict[str, Any]:
        """Return the settings; what stands in them twice would be lost, so it is refused, and so is such a number."""
        if content is None:
            return {}
        try:
            parse_json(content)
            settings = json.loads(
                content.decode("utf-8"),
                object_pairs_hook=_without_repetition,
                parse_float=_kept,
                parse_constant=_refuse_constant,
            )
        except ValueError as error:
            raise self._refusal(f"cannot be read: {reason_of(error)}") from None
        hooks = settings.get("hooks", {}) if isinstance(settings, dict) else None
        if not isinstance(hooks, dict) or not all(isinstance(hooks.get(event, []), list) for event in EVENTS):
            raise self._refusal("is not what Claude Code takes")
        return dict(settings)

    def _refusal(self, why: str) -> ScheduleError:
        return ScheduleError(f"{self.file}: {why}; {_UNTOUCHED}", hint="correct the file, and try again")

    def _record(self) -> _Record | None:
        try:
            record = _Record(**parse_json(self._record_file.read_bytes()))
        except (OSError, ValueError, TypeError):
            return None
        return record if record.file == str(self.file) else None

    def _restore(self, record: _Record) -> None:
        if record.backup is None:
            self.file.unlink()
            return
        try:
            content = Path(record.backup).read_bytes()
        except OSError as error:
            raise ScheduleError(f"{record.backup}: {error.strerror}; {_UNTOUCHED}", hint="edit the file") from None
        self._write(content)

    def _keep(self, content: bytes) -> Path:
        copy = self.state / f"claude-settings-{datetime.now(UTC):%Y%m%dT%H%M%S.%f}.json"
        write_file(copy, content)
        return copy

    def _write(self, content: bytes) -> None:
        mode = self.file.stat().st_mode & 0o777 if self.file.exists() else 0o600
        write_file(self.file, content, mode=mode)


def hooked_settings(environ: Mapping[str, str], state: Path) -> Path | None:
    """Return the settings file that has the hook in it; None where there is none, or it is off or cannot be seen."""
    try:
        settings = ClaudeSettings.of(environ, state)
        return settings.file if settings.has_hook() else None
    except ScheduleError:
        return None


def _are_off(settings: Mapping[str, Any]) -> bool:
    return settings.get("disableAllHooks") is True


def _take_out(settings: dict[str, Any]) -> bool:
    """Take our hooks out, and the groups, events and table that held nothing else; return whether there were any."""
    hooks, found = settings.get("hooks", {}), False
    for event in [event for event, groups in hooks.items() if isinstance(groups, list)]:
        kept = [_without_ours(group) for group in hooks[event]]
        if kept == hooks[event]:
            continue
        found = True
        hooks[event] = [group for group in kept if group is not None]
        if not hooks[event]:
            del hooks[event]
    if found and not hooks:
        del settings["hooks"]
    return found


def _without_ours(group: Any) -> Any:
    """Return a group of hooks without ours; None where nothing is left of it."""
    inner = group.get("hooks") if isinstance(group, dict) else None
    if not isinstance(inner, list):
        return group
    kept = [hook for hook in inner if _options(hook) is None]
    if len(kept) == len(inner):
        return group
    return {**group, "hooks": kept} if kept else None


def _hooks(settings: dict[str, Any]) -> Iterator[Any]:
    """Yield every hook, whatever it is."""
    for groups in settings.get("hooks", {}).values():
        for group in groups if isinstance(groups, list) else ():
            inner = group.get("hooks") if isinstance(group, dict) else None
            yield from inner if isinstance(inner, list) else ()


def _options(hook: Any) -> list[str] | None:
    """Return the options that a hook of ours gives to the program; None for one of others."""
    command = hook.get("command") if isinstance(hook, dict) else None
    try:
        words = shlex.split(command) if isinstance(command, str) else []
    except ValueError:
        return None
    programs = (Path(word).name for word in words)
    at = next((number for number, name in enumerate(programs) if name in ("ccusage-import", "ccusage_import")), None)
    return words[at + 3 :] if at is not None and tuple(words[at + 1 : at + 3]) == WORDS else None


def _written(settings: dict[str, Any], old: bytes | None) -> bytes:
    """Return a settings file, indented as it was, and ending as it did."""
    found = _INDENTATION.search(old or b"")
    text = json.dumps(settings, ensure_ascii=False, indent=found[1].decode() if found else 2)
    # Half a character can only be written as an escape, as it was.
    return text.encode(errors="backslashreplace") + (b"\n" if old is None or old.endswith(b"\n") else b"")


def _without_repetition(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        raise ValueError("it has a name twice")
    return table


def _kept(text: str) -> float:
    """Return a number that is written again as what it is."""
    number = float(text)
    try:
        is_same = Decimal(text) == Decimal(repr(number))
    except InvalidOperation:
        is_same = False
    if not is_same:
        raise ValueError(f"the number {text} cannot be kept as it is")
    return number


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not JSON")


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()

"""Notifies people of what became of an import: Slack, Discord, any other webhook, or a command."""

from __future__ import annotations

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from subprocess import DEVNULL
from typing import IO, Any, NamedTuple

from loguru import logger
from pydantic import SecretStr

from ccusage_import.checks.health import Problem
from ccusage_import.config.environment import child_environment
from ccusage_import.config.settings import Settings
from ccusage_import.config.tables.notify import NotifyTarget
from ccusage_import.exceptions import AnnouncementError, ConfigurationError, ExitCode
from ccusage_import.monitoring.events import Notice, due_events, health_events, known
from ccusage_import.monitoring.http_calls import call
from ccusage_import.monitoring.outcome import RunMemory, RunOutcome, Told
from ccusage_import.processes import Stop, in_threads, run_program

# For everything one target is sent, and for each part of it, however long the others took.
LIMIT_SECONDS = 10.0
LEAST_SECONDS = 1.0
DISCORD_CHARACTERS = 2000
_SLACK_SIGNS = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})
_DISCORD_SIGNS = re.compile(r"[\\*_~`|<>\[\]]")


def notify(
    settings: Settings,
    outcome: RunOutcome,
    memory: RunMemory,
    environ: Mapping[str, str],
    *,
    commands_refused: ConfigurationError | None = None,
) -> list[str]:
    """Notify each target of what it does not know yet of a run; return a warning for each that could not be reached.

    The memory holds what each target knows. What could not be delivered is not in it, so it is sent after the next
    run if it is still true then; what a target does not want counts as delivered. `commands_refused` is why no
    command is run.
    """

    def due(told: Told) -> Iterable[Notice]:
        return due_events(
            outcome,
            told,
            settings.money,
            last_success_at=memory.last_success_at,
            stale_after_hours=settings.stale_after_hours,
        )

    occasion = _Occasion(outcome.machine, outcome.finished_at, int(outcome.exit_code))
    still_known = partial(known, snapshot=outcome.snapshot)
    return _notify(settings, occasion, due, still_known, memory, environ, commands_refused)


def notify_of_health(
    settings: Settings,
    problems: Sequence[Problem],
    memory: RunMemory,
    environ: Mapping[str, str],
    *,
    commands_refused: ConfigurationError | None,
) -> list[str]:
    """Notify each target that all is not well, or is again, as `notify` does of a run."""

    def due(told: Told) -> Iterable[Notice]:
        return health_events(settings.machine, problems, told)

    code = ExitCode.UNHEALTHY if problems else ExitCode.OK
    occasion = _Occasion(settings.machine, datetime.now(UTC), int(code))
    return _notify(settings, occasion, due, lambda told: told, memory, environ, commands_refused)


class _Occasion(NamedTuple):
    """On which machine, when and with which exit code something happened."""

    machine: str
    at: datetime
    exit_code: int


def _notify(
    settings: Settings,
    occasion: _Occasion,
    due: Callable[[Told], Iterable[Notice]],
    still_known: Callable[[Told], Told],
    memory: RunMemory,
    environ: Mapping[str, str],
    commands_refused: ConfigurationError | None,
) -> list[str]:
    pseudonyms = settings.pseudonyms()
    # An address may be a secret; its pseudonym is not.
    names = [pseudonyms.always(target.address) for target in settings.notify]
    tasks = []
    for position, (name, target) in enumerate(zip(names, settings.notify, strict=True)):
        told = memory.told.get(name, Told())
        messages = [(notice, _document(notice, occasion)) for notice in due(told)]
        what = f"{target.type} notification (notify.{position})"
        if target.url:
            deliver = partial(_post, what, target.type, target.url)
        else:
            deliver = partial(_run, what, target.command, environ, commands_refused)
        tasks.append(partial(_tell, target, still_known(told), messages, deliver))
    results = in_threads(tasks, max(1, len(tasks)))
    memory.told = dict(zip(names, (told for told, _ in results), strict=True))
    return [warning for _, warning in results if warning]


def _document(notice: Notice, occasion: _Occasion) -> dict[str, Any]:
    """Return what a generic webhook and a command get."""
    return {
        "event": notice.event,
        "machine": occasion.machine,
        "title": notice.title,
        "text": notice.text,
        "at": occasion.at.astimezone(UTC).isoformat(timespec="seconds"),
        "exit_code": occasion.exit_code,
        "details": notice.details,
    }


def _tell(
    target: NotifyTarget,
    told: Told,
    messages: Iterable[tuple[Notice, dict[str, Any]]],
    deliver: Callable[[dict[str, Any], float, Stop], None],
    stop: Stop,
) -> tuple[Told, str]:
    """Return what the target knows now, and a warning where that is not all."""
    deadline = time.monotonic() + LIMIT_SECONDS
    for notice, document in messages:
        if notice.event in target.events:
            log = logger.bind(event=notice.event, target=target.type)
            try:
                seconds = max(deadline - time.monotonic(), LEAST_SECONDS)
                deliver(document, seconds, stop)
            except AnnouncementError as error:
                log.bind(reason=str(error)).info("notification not delivered")
                return told, str(error)
            log.info("notification delivered")
        told = notice.told
    return told, ""


def _post(what: str, kind: str, url: SecretStr, document: dict[str, Any], seconds: float, _stop: Stop) -> None:
    body = json.dumps(_dressed(kind, document)).encode()
    call(what, "POST", url, body, {"Content-Type": "application/json"}, limit_seconds=seconds)


def _dressed(kind: str, document: dict[str, Any]) -> dict[str, Any]:
    """Return the body as the receiver wants it; no name in it can mention anybody."""
    message = f"{document['title']}\n{document['text']}"
    if kind == "slack":
        return {"text": message.translate(_SLACK_SIGNS)}
    if kind == "discord":
        content = _DISCORD_SIGNS.sub(r"\\\g<0>", message)
        if len(content) > DISCORD_CHARACTERS:
            content = content[: DISCORD_CHARACTERS - 1] + "…"
        return {"content": content, "allowed_mentions": {"parse": []}}
    return document


def _run(
    what: str,
    command: tuple[str, ...],
    environ: Mapping[str, str],
    refused: ConfigurationError | None,
    document: dict[str, Any],
    seconds: float,
    stop: Stop,
) -> None:
    """Run a command with the document on its standard input.

    Raises:
        AnnouncementError: it is refused, cannot be started, took too long or failed.
    """
    if refused:
        raise AnnouncementError(f"{what}: {refused}: {refused.hint}", hint=refused.hint)
    # UTF-8, whatever the locale can encode.
    about = {"CCUSAGE_IMPORT_EVENT": document["event"], "CCUSAGE_IMPORT_TITLE": os.fsdecode(document["title"].encode())}
    hint = f"check the command of the {what} in the configuration"
    try:
        with _piped(json.dumps(document).encode() + b"\n") as stdin:
            child = {**child_environment(environ), **about}
            finished = run_program(command, child, Path.cwd(), seconds, stop, stdin=stdin, output=DEVNULL)
    except TimeoutError:
        raise AnnouncementError(f"{what}: took longer than {seconds:.0f} seconds", hint=hint) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "cannot be run"
        raise AnnouncementError(f"{what}: {reason.lower()}", hint=hint) from None
    if finished.exit_code:
        raise AnnouncementError(f"{what}: exit code {finished.exit_code}", hint=hint)


@contextmanager
def _piped(data: bytes) -> Iterator[IO[bytes]]:
    """Yield what gives the data to whoever reads it: without a file, since the notice may be of a full disk."""
    reader, writer = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writer, "wb", buffering=0) as stream:
            stream.write(data)

    with os.fdopen(reader, "rb") as stdin:
        threading.Thread(target=write, daemon=True).start()
        yield stdin

"""Pings a dead man's switch: whoever hears nothing for too long raises the alarm.

The addresses are those of healthchecks.io (https://healthchecks.io/docs/http_api/): `/start` when a run begins, the
address itself when it went well, `/fail` when it did not.
"""

from __future__ import annotations

from typing import Literal
from urllib.parse import urlsplit, urlunsplit

from pydantic import SecretStr

from ccusage_import.config.settings import Settings
from ccusage_import.monitoring.http_calls import call

SUFFIXES = {"start": "/start", "success": "", "failure": "/fail"}
# An import does not wait long before it begins.
START_SECONDS = 3.0


def ping(settings: Settings, event: Literal["start", "success", "failure"], text: str = "") -> None:
    """Ping the configured address, if there is one; `text` is shown with the ping where the service keeps it.

    Raises:
        AnnouncementError: it does not answer.
    """
    if settings.heartbeat_url is None:
        return
    parts = urlsplit(settings.heartbeat_url.get_secret_value())
    path = parts.path.rstrip("/") + SUFFIXES[event]
    address = SecretStr(urlunsplit(parts._replace(path=path)))
    if event == "start":
        call("heartbeat", "POST", address, limit_seconds=START_SECONDS, retries=0)
    else:
        call("heartbeat", "POST", address, text.encode())

"""Who is told what: the tables `[[notify]]` of the configuration."""

from __future__ import annotations

from typing import Annotated, Literal, Self, get_args
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, model_validator

Event = Literal["failed", "recovered", "stale", "budget", "held"]
EVENTS: tuple[Event, ...] = get_args(Event)


def _http(url: SecretStr) -> SecretStr:
    try:
        parts = urlsplit(url.get_secret_value())
        is_http = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        # Its message may quote a part of a password.
        is_http = False
    if not is_http:
        raise ValueError("is no http:// or https:// address")
    return url


HttpUrl = Annotated[SecretStr, AfterValidator(_http)]


class NotifyTarget(BaseModel):
    """One target: a webhook with the body that Slack, Discord or anything else understands, or a command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["slack", "discord", "webhook", "command"]
    url: HttpUrl | None = None
    command: tuple[str, ...] = ()
    events: tuple[Event, ...] = Field(default=EVENTS, min_length=1)

    @model_validator(mode="after")
    def _names_its_address(self) -> Self:
        wanted, other = ("command", "url") if self.type == "command" else ("url", "command")
        if not getattr(self, wanted) or getattr(self, other):
            raise ValueError(f'a target of type "{self.type}" needs `{wanted}` and no `{other}`')
        return self

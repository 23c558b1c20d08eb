"""Who is notified of what: the tables `[[notify]]` of the configuration."""

from __future__ import annotations

import json
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, model_validator

from ccusage_import.config.values import HttpUrl

Event = Literal["failed", "recovered", "stale", "budget", "quota", "held", "unwell", "well"]
EVENTS: tuple[Event, ...] = get_args(Event)


def _list_of(what: str) -> BeforeValidator:
    def checked(value: object) -> object:
        if isinstance(value, list | tuple):
            return value
        raise ValueError(f"is not a list of {what}")

    return BeforeValidator(checked)


class NotifyTarget(BaseModel):
    """One target: a webhook with the body that Slack, Discord or anything else understands, or a command."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["slack", "discord", "webhook", "command"]
    url: HttpUrl | None = None
    command: Annotated[tuple[str, ...], _list_of("words")] = ()
    events: Annotated[tuple[Event, ...], _list_of("events")] = EVENTS

    @property
    def address(self) -> str:
        """What distinguishes one target from another; it may be a secret."""
        return json.dumps([self.type, self.url.get_secret_value() if self.url else self.command])

    @model_validator(mode="after")
    def _names_its_address(self) -> Self:
        wanted, other = ("command", "url") if self.type == "command" else ("url", "command")
        if not getattr(self, wanted) or getattr(self, other):
            raise ValueError(f"a target of type {self.type} needs `{wanted}` and no `{other}`")
        if not self.events:
            raise ValueError("`events` is empty: nothing would be sent")
        return self


def _distinct(targets: tuple[NotifyTarget, ...]) -> tuple[NotifyTarget, ...]:
    addresses = [target.address for target in targets]
    for position, address in enumerate(addresses):
        if (first := addresses.index(address)) < position:
            raise ValueError(f"{position} repeats {first}: put all `events` into one of them")
    return targets


NotifyTargets = Annotated[
    tuple[NotifyTarget, ...],
    _list_of("tables: begin each with [[notify]]; in the environment, use a JSON array"),
    AfterValidator(_distinct),
]

"""What comes back: an answer, a refusal in the words of a server, or nothing."""

from __future__ import annotations

from dataclasses import dataclass, field


class ServerError(Exception):
    """A refusal, worded as a server words it."""

    def __init__(self, code: int, name: str, text: str) -> None:
        super().__init__(f"Code: {code}. DB::Exception: {text} ({name})")


class DisconnectError(Exception):
    """There is nobody to answer, or nobody is to be answered: close the connection."""


@dataclass(frozen=True)
class Answer:
    status: int
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)

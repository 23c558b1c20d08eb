"""Who may ask the gateway."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class User:
    name: str = "default"
    password: str = ""
    readonly: bool = False

    @classmethod
    def parse(cls, text: str) -> User:
        name, _, rest = text.partition(":")
        return cls(name, rest.removesuffix(":readonly"), rest.endswith(":readonly"))

    def __str__(self) -> str:
        return f"{self.name}:{self.password}" + (":readonly" if self.readonly else "")

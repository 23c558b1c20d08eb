"""Pseudonyms of project names and session ids."""

from __future__ import annotations

import hmac

PSEUDONYM_BYTES = 16


class Pseudonyms:
    """Turns names into pseudonyms (HMAC-SHA-256, RFC 2104, its first 128 bits in hex) and remembers which is which."""

    def __init__(self, salt: str, *, is_enabled: bool) -> None:
        self._salt = salt.encode()
        self._is_enabled = is_enabled
        self.names: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def of(self, name: str) -> str:
        """Return the pseudonym of `name`, or the name itself where pseudonyms are off or there is no name."""
        if not self._is_enabled or not name:
            return name
        if name not in self._known:
            self._known[name] = self.always(name)
        return self._known[name]

    def always(self, name: str) -> str:
        """Return the pseudonym of `name` whether pseudonyms are on or off, as for paths, which are never stored."""
        pseudonym = self._digest(name)
        self.names[pseudonym] = name
        return pseudonym

    def hide_paths(self, text: str) -> str:
        """Return `text` with the paths met so far replaced by their pseudonyms."""
        for pseudonym, name in self.names.items():
            if name.startswith("/"):
                text = text.replace(name, pseudonym)
        return text

    def _digest(self, text: str) -> str:
        return hmac.digest(self._salt, text.encode("utf-8", "surrogatepass"), "sha256")[:PSEUDONYM_BYTES].hex()

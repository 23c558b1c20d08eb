"""Pseudonyms of project names and session ids."""

from __future__ import annotations

import hmac
import re

PSEUDONYM_BYTES = 16
BLIND_DIGITS = 16
FINGERPRINT_BYTES = 8
# No name can be this: the fingerprint that distinguishes salts is made of it.
_NAMING = "\0naming"


def is_pseudonym(name: str) -> bool:
    """Whether a name looks like a pseudonym."""
    return re.fullmatch(rf"[0-9a-f]{{{2 * PSEUDONYM_BYTES}}}", name) is not None


def is_short_pseudonym(name: str) -> bool:
    """Whether a name looks like the pseudonym of a command, a tool or a file."""
    return re.fullmatch(rf"[0-9a-f]{{{BLIND_DIGITS}}}", name) is not None


class Pseudonyms:
    """Turns names into pseudonyms (HMAC-SHA-256, RFC 2104, its first 128 bits in hex) and remembers which is which.

    Projects and sessions get one only where that `is_enabled`.
    """

    def __init__(self, salt: str, *, is_enabled: bool) -> None:
        self._salt = salt.encode()
        self.is_enabled = is_enabled
        self.names: dict[str, str] = {}
        self._known: dict[str, str] = {}

    def unlearned(self) -> Pseudonyms:
        """Return what makes the same pseudonyms, and remembers none yet."""
        return Pseudonyms(self._salt.decode(), is_enabled=self.is_enabled)

    @property
    def naming(self) -> str:
        """What distinguishes this naming from others: empty for names in clear, else a fingerprint of the salt."""
        return self._digest(_NAMING)[: 2 * FINGERPRINT_BYTES] if self.is_enabled else ""

    def of(self, name: str) -> str:
        """Return the pseudonym of `name`, or the name itself where pseudonyms are off or there is no name."""
        if not self.is_enabled or not name:
            return name
        if name not in self._known:
            self._known[name] = self.always(name)
        return self._known[name]

    def always(self, name: str) -> str:
        """Return the pseudonym of `name` whether pseudonyms are on or off, as for paths, which are never stored."""
        pseudonym = self._digest(name)
        self.names[pseudonym] = name
        return pseudonym

    def blind(self, kind: str, name: str) -> str:
        """Return the short pseudonym of a name, which is not remembered; equal names of two kinds differ."""
        return self._digest(f"{kind}\0{name}")[:BLIND_DIGITS]

    def hide_paths(self, text: str) -> str:
        """Return `text` with the paths met so far replaced by their pseudonyms."""
        for pseudonym, name in self.names.items():
            if name.startswith("/") and is_pseudonym(pseudonym):
                text = text.replace(name, pseudonym)
        return text

    def _digest(self, text: str) -> str:
        return hmac.digest(self._salt, text.encode("utf-8", "surrogatepass"), "sha256")[:PSEUDONYM_BYTES].hex()

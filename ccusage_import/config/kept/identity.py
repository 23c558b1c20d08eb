"""What the first run chooses and keeps: the machine's name, its time zone and the salt of its pseudonyms."""

from __future__ import annotations

import fcntl
import os
import secrets
import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

from tzlocal import get_localzone_name

from ccusage_import.documents import parse_toml, toml_text
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.files import make_private_directory, reason_of, write_private_file

NOT_CHOSEN = {
    "machine": "(chosen at the first import)",
    "timezone": "UTC",
    "salt": "made at the first import",
    "installation": "",
}
_HEADER = "# Chosen by ccusage-import at its first run. Without the salt no pseudonym can be matched again.\n"


def called(machine: str) -> str:
    """Return a machine as a message names it, also where no run has chosen its name yet."""
    return "this machine" if machine == NOT_CHOSEN["machine"] else machine


def read_identity(file: Path) -> dict[str, str]:
    """Return what an earlier run chose, or nothing.

    Raises:
        ConfigurationError: the file exists and cannot be read.
    """
    try:
        values = parse_toml(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigurationError(
            f"{file}: {reason_of(error)}", hint="restore the file; it holds the salt of the names"
        ) from None
    return {name: str(value) for name, value in values.items() if name in NOT_CHOSEN}


def choose_identity() -> dict[str, str]:
    """Return this host's short name, its IANA time zone, a new random salt and a random installation id."""
    zone = get_localzone_name() or "UTC"
    return {
        "machine": socket.gethostname().partition(".")[0] or "machine",
        "timezone": {"Etc/UTC": "UTC"}.get(zone, zone),
        "salt": secrets.token_hex(32),
        "installation": secrets.token_hex(16),
    }


def complete_identity(file: Path, machine: str = NOT_CHOSEN["machine"]) -> dict[str, str]:
    """Return what an earlier run chose; what it did not choose is chosen and written down now.

    A machine name that is given at the first run is the one that is kept.
    """
    kept = read_identity(file)
    if NOT_CHOSEN.keys() <= kept.keys():
        return kept
    given = {} if machine == NOT_CHOSEN["machine"] else {"machine": machine}
    with _alone_in(file.parent):
        # Another first run may just have chosen: what it imports has the names of its salt.
        identity = {**choose_identity(), **given, **read_identity(file)}
        keep_identity(file, identity)
    return identity


@contextmanager
def _alone_in(directory: Path) -> Iterator[None]:
    """Let one process after another do what is in the `with` block, where the file system knows locks."""
    with ExitStack() as stack:
        with suppress(OSError):
            make_private_directory(directory)
            descriptor = os.open(directory, os.O_RDONLY | os.O_CLOEXEC)
            stack.callback(os.close, descriptor)
            fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield


def keep_identity(file: Path, identity: dict[str, str]) -> None:
    """Write the identity where only the user can read it; the file appears whole or not at all."""
    text = _HEADER + "".join(f"{name} = {toml_text(identity[name])}\n" for name in NOT_CHOSEN)
    write_private_file(file, text)

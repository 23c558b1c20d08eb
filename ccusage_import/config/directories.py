"""Where this program keeps its files."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import platformdirs

from ccusage_import.exceptions import ConfigurationError

APP = "ccusage-import"
REPORT_FILE = "ccusage-report.html"


@dataclass(frozen=True, slots=True)
class Directories:
    """Where this program keeps its files, by the platform's conventions."""

    config: Path
    data: Path
    state: Path
    log: Path

    @classmethod
    def of_platform(cls) -> Directories:
        """Return the directories of the current user.

        Raises:
            ConfigurationError: they are in a home directory that is not known.
        """
        try:
            return cls(
                platformdirs.user_config_path(APP),
                platformdirs.user_data_path(APP),
                platformdirs.user_state_path(APP),
                platformdirs.user_log_path(APP),
            )
        except RuntimeError:
            raise _homeless() from None

    @property
    def demo(self) -> Directories:
        """The demo's own, which it keeps until the next one."""
        return Directories.within(self.data / "demo")

    @classmethod
    def within(cls, folder: Path) -> Directories:
        """Return directories that lie in one folder."""
        return cls(folder, folder, folder / "state", folder / "log")

    @property
    def config_file(self) -> Path:
        """The TOML file that is read when `--config` is not given."""
        return self.config / "config.toml"

    @property
    def identity_file(self) -> Path:
        """What the first run chose: machine, time zone and salt."""
        return self.config / "identity.toml"

    @property
    def last_offer_file(self) -> Path:
        """What ccusage showed at the last whole import."""
        return self.state / "last_offer.json"

    @property
    def log_file(self) -> Path:
        """The log, where the configuration names no other place."""
        return self.log / f"{APP}.log"

    @property
    def names_file(self) -> Path:
        """Pseudonyms and the names they stand for; never leaves this machine."""
        return self.data / "names.json"

    @property
    def report_file(self) -> Path:
        """The page that `report` makes, where no other file is named."""
        return self.data / REPORT_FILE

    @property
    def raw(self) -> Path:
        """The reports of each load as ccusage printed them, where `keep_raw` asks for it."""
        return self.data / "raw"


def expanded(path: Path) -> Path:
    """Return a path with the home directory for a `~`; as a shell does, one of an unknown user stays as it is."""
    with suppress(RuntimeError):
        return path.expanduser()
    return path


def home_of(environ: Mapping[str, str]) -> Path:
    """Return the home directory of an environment.

    Raises:
        ConfigurationError: it is not known.
    """
    try:
        return Path(environ.get("HOME") or Path.home())
    except RuntimeError:
        raise _homeless() from None


def _homeless() -> ConfigurationError:
    return ConfigurationError("HOME is not set, and the system knows no home directory of this user", hint="set HOME")

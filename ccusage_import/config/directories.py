"""Where this program keeps its files."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import platformdirs

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
        """Return the directories of the current user."""
        return cls(
            platformdirs.user_config_path(APP),
            platformdirs.user_data_path(APP),
            platformdirs.user_state_path(APP),
            platformdirs.user_log_path(APP),
        )

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

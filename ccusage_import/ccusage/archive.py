"""The reports of a load as ccusage printed them, kept on this machine with all that is needed to judge them again."""

from __future__ import annotations

import io
import shutil
import zipfile
import zlib
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Literal, NamedTuple
from zoneinfo import ZoneInfo

from pydantic import AwareDatetime, TypeAdapter, ValidationError

from ccusage_import.documents import parse_json
from ccusage_import.exceptions import BackupError, NotAReportError
from ccusage_import.files import make_private_directory, replace_file
from ccusage_import.records import Provenance, report_file
from ccusage_import.rule.ledger import Ledger, Weighed

FORMAT: Literal[1] = 1
NOTE = "load.json"
SUFFIX = ".zip"


class WeighedRecord(NamedTuple):
    """What was known of the messages of a record that fell."""

    report: str
    agent: str
    key: str
    messages: int
    left: int
    tokens_gone: int


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadNote:
    """What a load was judged with, beside its reports."""

    format: Literal[1] = FORMAT
    load_id: int
    warehouse: str
    machine: str
    started_at: AwareDatetime
    tool_version: str
    ccusage_version: str
    timezone: str
    cost_mode: Literal["auto", "calculate", "display"]
    data_dirs: tuple[str, ...]
    is_offline: bool
    prices: Literal["follow", "freeze"]
    intact_from: date | None
    since: date
    until: date
    accepted: tuple[date, date] | None
    weighed: tuple[WeighedRecord, ...] = ()

    @property
    def ledger(self) -> Ledger:
        """What was known of the messages of records that fell."""
        return {one[:3]: Weighed(*one[3:]) for one in self.weighed}

    @property
    def provenance(self) -> Provenance:
        """What the reports were read with."""
        return Provenance(self.ccusage_version, self.timezone, self.cost_mode, self.data_dirs)


@dataclass(frozen=True, slots=True)
class KeptLoad:
    """A directory that holds the reports of a load and its note."""

    directory: Path
    note: LoadNote


class ReportArchive:
    """Collects the reports of the load that runs, compressed, until it is committed."""

    def __init__(self) -> None:
        self._buffer = io.BytesIO()
        self._archive = zipfile.ZipFile(self._buffer, "w", zipfile.ZIP_DEFLATED)

    def add(self, label: str, output: bytes) -> None:
        """Add what a report printed."""
        self._archive.writestr(report_file(label), output)

    def write(self, directory: Path, note: LoadNote) -> None:
        """Write one file into `directory`, whole or not at all and only for its owner: it names projects in clear.

        Raises:
            BackupError: the directory cannot be written.
        """
        self._archive.writestr(NOTE, TypeAdapter(LoadNote).dump_json(note, indent=2))
        self._archive.close()
        with _writing(directory):
            make_private_directory(directory)
            replace_file(directory / f"{note.load_id}{SUFFIX}", self._buffer.getvalue())


def archives(kept: Path) -> dict[int, Path]:
    """Return the archives there are, by load."""
    return {int(file.stem): file for file in kept.glob(f"*{SUFFIX}") if file.stem.isdigit()}


def kept_loads(kept: Path) -> list[tuple[Path, LoadNote]]:
    """Return the archives there are with what they say of themselves, oldest first.

    Raises:
        BackupError: an archive is damaged.
        NotAReportError: its note is.
    """
    return [(file, read_note(_members(file)[NOTE], file)) for _, file in sorted(archives(kept).items())]


def export_loads(kept: Path, target: Path, warehouse: str, wanted: Collection[int] = ()) -> list[int]:
    """Unpack kept loads into `target`, one directory a load; what is there already stays as it is.

    Args:
        kept: where the archives are.
        target: where to.
        warehouse: whose loads.
        wanted: these loads only, of whatever warehouse; all of `warehouse` when empty.

    Returns:
        The loads that `target` holds now of those that were asked for, oldest first.

    Raises:
        BackupError: nothing is kept of a load, its archive is damaged, or `target` cannot be written.
    """
    files = archives(kept)
    if missing := sorted(set(wanted) - files.keys()):
        raise BackupError(
            f"no reports are kept of load {missing[0]}", hint="only loads that ran with keep_raw = true can be exported"
        )
    loads = sorted(wanted or files)
    exported = [load_id for load_id in loads if _unpack(files[load_id], target, None if wanted else warehouse)]
    if not exported:
        raise BackupError(
            f"no reports are kept of any load into {warehouse}",
            hint="set keep_raw = true to keep them from now on, or name the warehouse used then: --warehouse URL",
        )
    return exported


def find_loads(directory: Path) -> list[KeptLoad]:
    """Return the kept load in a directory, or those in its subdirectories, oldest first; none in plain saved files.

    Raises:
        NotAReportError: a note is damaged, or newer than this program.
    """
    files = [directory / NOTE] if (directory / NOTE).is_file() else directory.glob(f"[!.]*/{NOTE}")
    try:
        loads = [KeptLoad(file.parent, read_note(file.read_bytes(), file)) for file in files]
    except OSError as error:
        raise NotAReportError(f"{directory}: {error.strerror}", hint="make the files readable") from None
    return sorted(loads, key=lambda load: (load.note.load_id, load.note.machine))


def read_note(text: bytes, file: Path) -> LoadNote:
    """Validate a note; `file` is what an error names.

    Raises:
        NotAReportError: it is damaged, or newer than this program.
    """
    try:
        written = parse_json(text)
        if isinstance(written, dict) and written.get("format") != FORMAT and "tool_version" in written:
            raise NotAReportError(
                f"{file}: format {written.get('format')} is not the one this program knows, {FORMAT}",
                hint=f"install ccusage-import {written['tool_version']} or newer",
            )
        note = TypeAdapter(LoadNote).validate_python(written)
        ZoneInfo(note.timezone)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        why = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (ValueError, KeyError, OSError) as error:
        why = str(error)
    else:
        return note
    raise NotAReportError(f"{file} is damaged: {why}", hint="export the load again")


def _unpack(file: Path, target: Path, warehouse: str | None) -> bool:
    """Unpack an archive unless it is of another warehouse, and return whether it is not."""
    members = _members(file)
    note = read_note(members[NOTE], file)
    if warehouse is not None and note.warehouse != warehouse:
        return False
    directory = target / str(note.load_id)
    with _writing(target):
        if directory.exists():
            return True
        partial = directory.with_name(f".{directory.name}.partial")
        shutil.rmtree(partial, ignore_errors=True)
        make_private_directory(partial)
        for name, data in members.items():
            replace_file(partial / name, data)
        partial.rename(directory)
    return True


def _members(file: Path) -> dict[str, bytes]:
    try:
        with zipfile.ZipFile(file) as archive:
            members = {Path(name).name: archive.read(name) for name in (NOTE, *archive.namelist())}
    except (OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error) as error:
        raise BackupError(f"{file} is damaged: {error}", hint="move the file away and export the others") from None
    return members


@contextmanager
def _writing(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(f"{directory}: {error.strerror}", hint="name a directory that can be written") from None

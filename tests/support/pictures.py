"""Draws the pictures of the README in docs/pictures/ with the real program: the summary of an import, a report page.

python -m tests.support.pictures
"""

from __future__ import annotations

import io
import json
import os
import re
import struct
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from html.parser import HTMLParser
from pathlib import Path

from playwright.sync_api import sync_playwright
from rich.console import Console

from ccusage_import.ccusage.offers import live_offer
from ccusage_import.config.layers import load_configuration
from ccusage_import.config.settings import Configuration
from ccusage_import.demo.place import demo_directories
from ccusage_import.import_summary import SILENT, ImportOptions, ImportSummary
from ccusage_import.logger import log_to_console
from ccusage_import.money import DOLLARS
from ccusage_import.steps.reports import import_offer
from ccusage_import.steps.run import Run
from ccusage_import.ui.summary import summary_parts
from ccusage_import.versions import PINNED_VERSION
from ccusage_import.warehouse.opening import import_lock
from tests.conftest import chromium
from tests.support.ccusage_install import install_ccusage

ROOT = Path(__file__).parent.parent.parent
PICTURES = ROOT / "docs" / "pictures"
SUMMARY, PAGE, PAGE_NOTE = PICTURES / "summary.svg", PICTURES / "report.png", PICTURES / "report.json"
# Everything in the summary that would differ from run to run.
CLOCK = datetime(2026, 10, 31, 18, 0, tzinfo=UTC)
IDENTITY = {"machine": "laptop", "timezone": "UTC", "salt": "salt", "installation": "installation"}
LOAD_ID = 1793469600000000
REPORT_SECONDS = 0.1
PHASES = {"fetch": 0.21, "validate": 0.01, "open": 0.06, "reconcile": 0.02, "load": 0.05, "transcripts": 0.09}
SUMMARY_COLUMNS = 120
PAGE_PIXELS = (1280, 950)
LATER_SESSIONS = 3
SWEPT_SESSIONS = 1
_INSTANT = re.compile(r'"timestamp":"([^"]+)"')


def summary_picture() -> str:
    """Return the summary of an import that finds new usage, and misses what Claude Code has deleted."""
    with demo_directories(CLOCK) as (claude, directories):
        flags = {"claude_dirs": (claude,), "agents": ("claude",)}
        configuration = load_configuration(flags, {}, identity=IDENTITY, directories=directories)
        sessions = sorted(claude.rglob("projects/*/*.jsonl"), key=_last_message)
        with _set_aside(sessions[-LATER_SESSIONS:], directories.state / "later"):
            _imported(configuration)
        with _set_aside(sessions[:SWEPT_SESSIONS], directories.state / "swept"):
            summary = _imported(configuration)
    return _drawn(summary)


def _last_message(transcript: Path) -> str:
    return max(match[1] for match in _INSTANT.finditer(transcript.read_text("utf-8")))


@contextmanager
def _set_aside(transcripts: list[Path], place: Path) -> Iterator[None]:
    """Keep transcripts, with those of their agents, from being found."""
    place.mkdir(parents=True)
    found = [path for file in transcripts for path in (file, file.with_suffix("")) if path.exists()]
    for path in found:
        path.rename(place / path.name)
    yield
    for path in found:
        (place / path.name).rename(path)


def _imported(configuration: Configuration) -> ImportSummary:
    environ, options = _environ(configuration.directories.state), ImportOptions()
    with import_lock(configuration):
        run = Run.begin(configuration, options, SILENT, CLOCK)
        offer = live_offer(
            configuration, options.reports, environ, run.pseudonyms, CLOCK, run.progress, meanwhile=nullcontext()
        )
        return import_offer(run, offer)


def _drawn(summary: ImportSummary) -> str:
    reports = {name: replace(outcome, seconds=REPORT_SECONDS) for name, outcome in summary.reports.items()}
    shown = replace(summary, load_id=LOAD_ID, reports=reports, phases={name: PHASES[name] for name in summary.phases})
    console = Console(record=True, width=SUMMARY_COLUMNS, highlight=False, file=io.StringIO(), color_system="truecolor")
    for part in summary_parts(shown, DOLLARS):
        console.print(part)
    svg = console.export_svg(title="ccusage-import import", unique_id="summary")
    # The fonts would come from the network.
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def report_page(home: Path) -> Path:
    """Return the page that `report` makes of the demo's transcripts in an empty home."""
    environ = _environ(home)
    with demo_directories(datetime.now(UTC)) as (claude, _):
        page = home / "ccusage-report.html"
        imports: list[str | Path] = ["import", "--quiet", "--machine", "laptop", "--claude-dir", claude]
        for arguments in (imports, ["report", "--output", page]):
            subprocess.run(
                [sys.executable, "-m", "ccusage_import", *arguments],
                env={**environ, "PYTHONPATH": str(ROOT)},
                cwd=home,
                check=True,
                capture_output=True,
            )
    return page


def _environ(home: Path) -> dict[str, str]:
    path = os.pathsep.join((str(install_ccusage(PINNED_VERSION).parent), os.environ["PATH"]))
    return {"PATH": path, "HOME": str(home), "TZ": "UTC"}


def photographed(page: Path) -> bytes:
    """Return the top of a page as a browser shows it, as PNG."""
    width, height = PAGE_PIXELS
    switches = ("--no-sandbox", "--no-first-run", "--disable-gpu", "--disable-background-networking", "--disable-sync")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=list(switches))
        view = browser.new_page(viewport={"width": width, "height": height}, color_scheme="light")
        view.goto(page.as_uri())
        view.wait_for_load_state("networkidle")
        # A chart grows to its size.
        view.wait_for_timeout(2000)
        picture = view.screenshot()
        browser.close()
    return picture


def page_note(page: Path, picture: bytes) -> dict[str, object]:
    """Return what a picture of a page was made of; the numbers in it are of the day on which it was made."""
    structure = _Structure()
    structure.feed(page.read_text("utf-8"))
    return {
        "sha256": sha256(picture).hexdigest(),
        "pixels": png_pixels(picture),
        "headings": structure.headings,
        "styles_and_scripts": structure.code,
    }


def png_pixels(picture: bytes) -> list[int]:
    """Return width and height of a PNG."""
    return list(struct.unpack(">II", picture[16:24]))


class _Structure(HTMLParser):
    """The headings of a page, and the checksums of its styles and scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.headings: list[str] = []
        self.code: list[str] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        # The data of the charts is in a script with a type.
        self._inside = "" if ("type", "application/json") in attrs else tag

    def handle_endtag(self, tag: str) -> None:
        if tag == self._inside:
            self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside in ("h1", "h2", "dt"):
            self.headings.append(data)
        if self._inside in ("style", "script"):
            self.code.append(sha256(data.encode()).hexdigest())


def main() -> None:
    """Draw both pictures anew."""
    log_to_console(0)
    PICTURES.mkdir(exist_ok=True)
    SUMMARY.write_text(summary_picture(), "utf-8")
    with tempfile.TemporaryDirectory() as home:
        page = report_page(Path(home))
        picture = photographed(page)
        PAGE.write_bytes(picture)
        PAGE_NOTE.write_text(note_text(page_note(page, picture)), "utf-8")


def note_text(note: Mapping[str, object]) -> str:
    """Return a note as it is kept beside its picture."""
    return json.dumps(note, indent=2) + "\n"


if __name__ == "__main__":
    main()

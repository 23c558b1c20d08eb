"""The demo: shipped sample transcripts, moved to end now, imported into a warehouse that is thrown away."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

from ccusage_import.config.settings import Directories
from ccusage_import.exceptions import ConfigurationError

SAMPLES = Path(__file__).parent / "demo_transcripts"
_INSTANT = re.compile(r'"timestamp":"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3})Z"')
# The newest message is this old, so that the demo shows an active block.
NEWEST_AGE = timedelta(minutes=3)


@contextmanager
def demo_directories(now: datetime) -> Iterator[tuple[Path, Directories]]:
    """Yield a data directory with the samples, and directories for a warehouse; both are deleted at the end."""
    with ExitStack() as stack:
        try:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ccusage-import-demo-")))
            _copy_samples(root / "claude", now)
        except OSError as error:
            raise ConfigurationError(
                f"the demo finds no place for its files: {error.strerror}",
                hint="set TMPDIR to a directory that can be written",
            ) from None
        yield root / "claude", Directories(root / "config", root / "data", root / "state", root / "log")


def _copy_samples(target: Path, now: datetime) -> None:
    texts = {file: file.read_text("utf-8") for file in sorted(SAMPLES.rglob("*.jsonl"))}
    newest = max(_parsed(match[1]) for text in texts.values() for match in _INSTANT.finditer(text))
    shift = now - NEWEST_AGE - newest
    for file, text in texts.items():
        copy = target / file.relative_to(SAMPLES)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(_INSTANT.sub(lambda match: _moved(match[1], shift), text), "utf-8")


def _parsed(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def _moved(text: str, shift: timedelta) -> str:
    moved = (_parsed(text) + shift).isoformat(timespec="milliseconds").removesuffix("+00:00")
    return f'"timestamp":"{moved}Z"'

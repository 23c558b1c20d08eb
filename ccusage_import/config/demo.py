"""The demo: shipped sample transcripts, moved to now, and a warehouse of their own that stays until the next demo."""

from __future__ import annotations

import re
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ccusage_import.config.identity import choose_identity
from ccusage_import.config.known_warehouses import KnownWarehouses
from ccusage_import.config.settings import Configuration, Directories, load_configuration
from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import ConfigurationError

SAMPLES = Path(__file__).parent / "demo_transcripts"
_INSTANT = re.compile(r'"timestamp":"(\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3})Z"')
# The newest message is this old, so that the demo shows an active block.
NEWEST_AGE = timedelta(minutes=3)
OFFERED = ('query \\\n    "SELECT * FROM daily"', "chart daily", "report")


def demo_configuration(
    flags: Mapping[str, Any], config: Path | None, environ: Mapping[str, str], stack: ExitStack, *, is_kept: bool
) -> Configuration:
    """Return a configuration that shares nothing with the user's own but how ccusage is found."""
    claude_dir, directories = stack.enter_context(demo_directories(datetime.now(UTC)))
    warehouse = _emptied_place() if is_kept else f"chdb://{directories.data}/warehouse"
    own = {
        **flags,
        "agents": ("claude",),
        "claude_dirs": (claude_dir,),
        "machine": "demo",
        "warehouse": warehouse,
    }
    return load_configuration(own, environ, identity=choose_identity(), directories=directories, config_file=config)


def what_next() -> str:
    """Return what can be typed after a demo, as it can be copied."""
    program, config = _program(), _short(_folder() / "config.toml")
    asked = "".join(f"\n  {program} {what} \\\n    --config {config}" for what in OFFERED)
    return (
        f"\nthese were sample transcripts; until the next demo you can ask for more:{asked}\n"
        f"now your own:\n  {program} import"
    )


def _folder() -> Path:
    return Directories.of_platform().data / "demo"


def _emptied_place() -> str:
    """Delete the last demo and what is known of its warehouse; return where the next one goes."""
    folder = _folder()
    warehouse = f"chdb://{folder}/warehouse"
    try:
        if folder.exists():
            shutil.rmtree(folder)
        folder.mkdir(parents=True)
        (folder / "config.toml").write_text(f"warehouse = '{warehouse}'\nmachine = 'demo'\n", "utf-8")
    except OSError as error:
        raise ConfigurationError(
            f"{folder}: the demo cannot write its warehouse: {error.strerror}",
            hint="make the directory writable",
        ) from None
    KnownWarehouses(Directories.of_platform().state / "warehouses.json").keep(parse_warehouse_url(warehouse), None)
    return warehouse


def _program() -> str:
    """Return this program as it was called, or its name where the shell finds it by that."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(sys.executable)} -m ccusage_import"
    found = shutil.which(called.name)
    return called.name if found and Path(found).samefile(called) else _short(called)


def _short(path: Path) -> str:
    """Return a path as a shell takes it, from the home directory on."""
    if path.is_relative_to(Path.home()):
        return f"~/{shlex.quote(str(path.relative_to(Path.home())))}"
    return shlex.quote(str(path))


@contextmanager
def demo_directories(now: datetime) -> Iterator[tuple[Path, Directories]]:
    """Yield a data directory with the samples, and directories for a warehouse; both are deleted at the end."""
    with ExitStack() as stack:
        try:
            root = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="ccusage-import-demo-")))
            _copy_samples(root / "claude", now)
        except OSError as error:
            raise ConfigurationError(
                f"the demo cannot write its files: {error.strerror}",
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

"""Shows a page in the browser."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path

from ccusage_import.config.environment import SECRET_VARIABLES
from ccusage_import.ui import print_warning


def open_in_browser(file: Path) -> None:
    """Show a page; where there is no browser, say which file to open."""
    # A browser gets this environment as it is.
    for name in SECRET_VARIABLES & os.environ.keys():
        del os.environ[name]
    if not webbrowser.open(file.as_uri()):
        print_warning(f"no browser was found; open {file} yourself")

"""Real programs for the tests, installed from npm once into a cache that all test runs share."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import platformdirs

from ccusage_import.versions import PINNED_VERSION

BUN_VERSION = "1.4.5"


def cache_directory() -> Path:
    """Return the folder that outlives a test run; CCUSAGE_IMPORT_TEST_CACHE moves it."""
    chosen = os.environ.get("CCUSAGE_IMPORT_TEST_CACHE")
    directory = Path(chosen) if chosen else platformdirs.user_cache_path("ccusage-import-tests")
    directory.mkdir(parents=True, exist_ok=True)
    return directory.absolute()


def npm_cache() -> Path:
    """Return npm's own cache, for tests that start npm or npx."""
    return cache_directory() / "npm"


def install(package: str, version: str, *beside: str) -> Path:
    """Install a package, and others beside it, unless another test run did, and return its `node_modules/.bin`."""
    prefix = cache_directory() / "-".join((package, version, *beside)).replace("/", "-")
    with (cache_directory() / f"{prefix.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (prefix / "complete").exists():
            prefix.mkdir(exist_ok=True)
            subprocess.run(
                ["npm", "install", "--prefix", prefix, "--no-audit", "--no-fund", f"{package}@{version}", *beside],
                check=True,
                stdin=subprocess.DEVNULL,
                capture_output=True,
                timeout=600,
                env={**os.environ, "npm_config_cache": str(npm_cache())},
            )
            (prefix / "complete").touch()
    return prefix / "node_modules" / ".bin"


def wanted_version() -> str:
    """Return the version this program is pinned to, or the one that CCUSAGE_IMPORT_TEST_CCUSAGE_VERSION names."""
    return os.environ.get("CCUSAGE_IMPORT_TEST_CCUSAGE_VERSION", PINNED_VERSION)


def install_ccusage(version: str) -> Path:
    """Return the launcher of one version of ccusage."""
    return install("ccusage", version) / "ccusage"


def without_launcher(ccusage: Path) -> Path:
    """Return the program that an installed ccusage starts through Node.js, which takes longer than what it prints."""
    return next(ccusage.parent.parent.glob("@ccusage/ccusage-*/bin/ccusage"), ccusage)


def install_bun() -> Path:
    """Return the folder that holds `bun` and `bunx`."""
    return install("bun", BUN_VERSION)

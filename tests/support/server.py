"""Finds a real ClickHouse server to test against: the one that was named, or one in a container."""

from __future__ import annotations

import atexit
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

CLUSTER = Path(__file__).parent.parent.parent / ".github" / "cluster" / "compose.yaml"


@cache
def server_url() -> str | None:
    """Return `clickhouse://user:password@host:port` of a server whose user may create databases, or None."""
    if named := os.environ.get("CCUSAGE_IMPORT_TEST_SERVER"):
        return named.rstrip("/")
    return _container() if _has_docker_engine() else None


def _has_docker_engine() -> bool:
    if shutil.which("docker") is None:
        return False
    return subprocess.run(["docker", "info"], capture_output=True, check=False, timeout=30).returncode == 0


def _image() -> str:
    """Return what CI makes its cluster of, which Dependabot keeps up to date."""
    import yaml

    return str(yaml.safe_load(CLUSTER.read_text("utf-8"))["x-server"]["image"])


def _container() -> str:
    from testcontainers.clickhouse import ClickHouseContainer

    container = ClickHouseContainer(_image(), port=8123, username="test", password="test", dbname="test")
    container.start()
    atexit.register(container.stop)
    return f"clickhouse://test:test@{container.get_container_host_ip()}:{container.get_exposed_port(8123)}"

"""docker-compose.yml and what it mounts: valid, pinned, closed to other machines, and of one piece."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.access import access_statements
from tests.support.dashboards import FILES, dashboard, query_panels

ROOT = Path(__file__).parent.parent.parent
MONITORING = ROOT / "monitoring"
PAGE = (ROOT / "docs" / "dashboards.md").read_text("utf-8")
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text("utf-8"))
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
PASSWORDS = {"CCUSAGE_IMPORT_PASSWORD", "GRAFANA_READER_PASSWORD", "GRAFANA_ADMIN_PASSWORD"}


def check_schema(file: Path) -> subprocess.CompletedProcess[str]:
    """Check a file against the schema of the Compose specification."""
    return subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", file],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("name", ["docker-compose.yml", ".github/cluster/compose.yaml"])
def test_a_compose_file_follows_the_specification(name: str) -> None:
    done = check_schema(ROOT / name)

    assert done.returncode == 0, done.stdout


def test_the_specification_refuses_what_compose_does_not_know(tmp_path: Path) -> None:
    broken = (ROOT / "docker-compose.yml").read_text("utf-8").replace("healthcheck:", "health_check:", 1)
    (tmp_path / "docker-compose.yml").write_text(broken)

    assert check_schema(tmp_path / "docker-compose.yml").returncode == 1


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_is_pinned_watched_and_closed(name: str) -> None:
    service = SERVICES[name]

    assert re.search(r":v?\d+\.\d+\.\d+(\.\d+)?$", service["image"])
    assert service["healthcheck"]["test"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["cap_drop"] == ["ALL"]
    assert all(re.fullmatch(r"127\.0\.0\.1:(\d+):\1", port) for port in service["ports"])
    for port in service["ports"]:
        assert port.rpartition(":")[0] in PAGE


def test_only_what_starts_as_root_keeps_some_of_its_powers() -> None:
    kept = {name: service["cap_add"] for name, service in SERVICES.items() if "cap_add" in service}

    assert kept == {"clickhouse": ["CHOWN", "DAC_OVERRIDE", "FOWNER", "KILL", "SETGID", "SETUID"]}


def test_everything_that_is_mounted_is_there() -> None:
    mounts = [mount.split(":") for service in SERVICES.values() for mount in service["volumes"]]
    files = [mount[0] for mount in mounts if mount[0].startswith("./")]

    assert {mount[0] for mount in mounts} - set(files) == set(COMPOSE["volumes"])
    assert all(mount[2:] == ["ro"] for mount in mounts if mount[0] in files)
    assert [name for name in files if not (ROOT / name).exists()] == []
    # Not executable, it would be read into the image's own script.
    assert os.access(MONITORING / "clickhouse" / "access.sh", os.X_OK)


def test_no_password_has_a_default_and_each_is_in_the_example() -> None:
    text = (ROOT / "docker-compose.yml").read_text("utf-8")
    assert set(re.findall(r"\$\{(\w+):\?", text)) == set(re.findall(r"\$\{(\w+)", text)) == PASSWORDS
    example = (ROOT / ".env.example").read_text("utf-8")
    assert dict(re.findall(r"^(\w+)=(.*)$", example, re.MULTILINE)) == dict.fromkeys(PASSWORDS, "''")


def test_the_users_are_created_with_the_hashes_of_their_passwords(tmp_path: Path) -> None:
    """The script alone: what it hands to the image's client, which is not here."""
    client = tmp_path / "clickhouse-client"
    client.write_text('#!/bin/sh\nprintf "%s\\n" "$*"\n')
    client.chmod(0o755)

    def run(**passwords: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [MONITORING / "clickhouse" / "access.sh"],
            env={"PATH": f"{tmp_path}:/usr/bin:/bin", "CLICKHOUSE_DB": "ccusage", **passwords},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )

    done = run(CCUSAGE_IMPORT_PASSWORD="import secret", GRAFANA_READER_PASSWORD="it's $HOME")
    hashes = (
        "--param_import_hash=5e1c715cd16a69d5b356bcc64cdbbcb903922ea0b952a57fc32e95ae4fc25e17"
        " --param_reader_hash=2a6de1196a83bbf35f3a71d0c0d1c221fec73be075d569983df50ff90aac6fc4"
    )
    assert done.stdout.splitlines() == [
        "--host 127.0.0.1 --database ccusage --queries-file /sql/access/roles.sql",
        f"--host 127.0.0.1 --database ccusage --queries-file /sql/access/users.sql {hashes}",
    ]
    assert run(CCUSAGE_IMPORT_PASSWORD="import secret").returncode != 0


def test_the_administrator_is_let_in_from_inside_alone() -> None:
    tree = ET.parse(MONITORING / "clickhouse" / "administrator.xml")

    assert [one.text for one in tree.findall("./users/default/networks/ip")] == ["127.0.0.1", "::1"]
    assert tree.findall("./users/default/networks[@replace]")
    assert [one.tag for one in tree.findall("./users/*")] == ["default"]


def test_grafana_reads_as_the_reader() -> None:
    provisioning = MONITORING / "grafana" / "provisioning"
    source = yaml.safe_load((provisioning / "datasources" / "clickhouse.yaml").read_text("utf-8"))["datasources"][0]
    provider = yaml.safe_load((provisioning / "dashboards" / "ccusage.yaml").read_text("utf-8"))["providers"][0]
    environment = SERVICES["grafana"]["environment"]

    assert f"GRANT ccusage_reader TO {source['jsonData']['username']}" in access_statements("users.sql")
    assert source["jsonData"]["host"] in SERVICES
    assert source["jsonData"]["defaultDatabase"] == SERVICES["clickhouse"]["environment"]["CLICKHOUSE_DB"]
    assert source["secureJsonData"]["password"].removeprefix("$") in environment
    assert f"./monitoring/grafana/dashboards:{provider['options']['path']}:ro" in SERVICES["grafana"]["volumes"]
    plugin, version = environment["GF_PLUGINS_PREINSTALL_SYNC"].split("@")
    for file in FILES:
        for panel in query_panels(dashboard(file.stem)):
            assert panel["datasource"] == {"type": source["type"], "uid": source["uid"]}
            assert panel["targets"][0]["datasource"] == {"type": plugin, "uid": source["uid"]}
            assert panel["targets"][0]["pluginVersion"] == version


@pytest.mark.skipif(not shutil.which("promtool"), reason="needs promtool, which .ci/run installs")
def test_prometheus_understands_its_configuration() -> None:
    config = MONITORING / "prometheus" / "prometheus.yml"
    done = subprocess.run(
        ["promtool", "check", "config", "--syntax-only", config],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    loaded = yaml.safe_load(config.read_text("utf-8"))
    assert f"./monitoring/prometheus/alerts.yml:{loaded['rule_files'][0]}:ro" in SERVICES["prometheus"]["volumes"]
    routed = [
        target
        for one in loaded["alerting"]["alertmanagers"]
        for to in one["static_configs"]
        for target in to["targets"]
    ]
    assert routed == ["alertmanager:9093"]
    scraped = {one["job_name"]: one["static_configs"][0]["targets"] for one in loaded["scrape_configs"]}
    assert scraped == {"pushgateway": ["pushgateway:9091"], "prometheus": ["127.0.0.1:9090"]}


@pytest.mark.skipif(not shutil.which("amtool"), reason="needs amtool, which .ci/run installs")
def test_alertmanager_understands_its_configuration(tmp_path: Path) -> None:
    config = MONITORING / "alertmanager" / "alertmanager.yml"
    # As a user edits it: the address without the comment signs.
    edited = tmp_path / "alertmanager.yml"
    edited.write_text(
        re.sub(r"^(    )# (webhook_configs:|  - url:)", r"\1\2", config.read_text("utf-8"), flags=re.MULTILINE)
    )
    assert yaml.safe_load(edited.read_text("utf-8"))["receivers"] == [
        {"name": "somebody", "webhook_configs": [{"url": "https://hooks.example/alerts"}]}
    ]
    for file in (config, edited):
        done = subprocess.run(["amtool", "check-config", file], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 0, done.stderr

    routes = subprocess.run(
        ["amtool", "config", "routes", "test", f"--config.file={config}", "alertname=CcusageImportStale"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert routes.stdout == "somebody\n"
    mounted = "./monitoring/alertmanager/alertmanager.yml:/etc/alertmanager/alertmanager.yml:ro"
    assert mounted in SERVICES["alertmanager"]["volumes"]
    assert "--config.file=/etc/alertmanager/alertmanager.yml" in SERVICES["alertmanager"]["command"]


def test_grafana_knows_prometheus_and_alertmanager() -> None:
    file = MONITORING / "grafana" / "provisioning" / "datasources" / "prometheus.yaml"
    prometheus, alertmanager = yaml.safe_load(file.read_text("utf-8"))["datasources"]

    assert (prometheus["type"], prometheus["url"]) == ("prometheus", "http://prometheus:9090")
    assert (alertmanager["type"], alertmanager["url"]) == ("alertmanager", "http://alertmanager:9093")
    assert prometheus["jsonData"]["alertmanagerUid"] == alertmanager["uid"]
    for source in (prometheus, alertmanager):
        host, port = source["url"].removeprefix("http://").split(":")
        assert SERVICES[host]["ports"] == [f"127.0.0.1:{port}:{port}"]
        assert not source["editable"]


def make_env(place: Path) -> subprocess.CompletedProcess[str]:
    """Run the script in a copy of what it needs."""
    (place / "monitoring").mkdir(exist_ok=True)
    shutil.copy(ROOT / ".env.example", place)
    shutil.copy(MONITORING / "make-env", place / "monitoring")
    return subprocess.run(
        [place / "monitoring" / "make-env"], cwd="/", capture_output=True, text=True, timeout=30, check=False
    )


def test_env_is_made_by_one_command_that_replaces_nothing(tmp_path: Path) -> None:
    done = make_env(tmp_path)

    assert (done.returncode, done.stdout) == (0, ".env is made: three passwords, that only you can read\n"), done.stderr
    made = tmp_path / ".env"
    passwords = dict(re.findall(r"^(\w+)='([0-9a-f]{48})'$", made.read_text("utf-8"), re.MULTILINE))
    assert passwords.keys() == PASSWORDS
    assert len(set(passwords.values())) == 3
    assert made.stat().st_mode & 0o777 == 0o600

    before = made.read_bytes()
    again = make_env(tmp_path)
    assert (again.returncode, again.stdout) == (2, "")
    assert again.stderr.startswith("monitoring/make-env: error: .env: is there already, or cannot be written\nhint: ")
    assert made.read_bytes() == before


def test_the_shell_of_the_page_reads_the_made_password(tmp_path: Path) -> None:
    """The documented lines up to the program: they set what it reads, and nothing that it does not know."""
    make_env(tmp_path)
    block = re.findall(r"^```sh\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)[0]
    lines = [line for line in block.splitlines() if line.startswith((". ./.env", "export "))]
    done = subprocess.run(
        ["sh", "-euc", "\n".join([*lines, "env"])], cwd=tmp_path, env={"PATH": "/usr/bin:/bin"},
        capture_output=True, text=True, timeout=30, check=True,
    )  # fmt: skip
    variables = dict(line.split("=", 1) for line in done.stdout.splitlines() if line.startswith("CCUSAGE_IMPORT_"))
    assert re.fullmatch("[0-9a-f]{48}", variables.pop("CCUSAGE_IMPORT_PASSWORD"))
    assert variables == {
        "CCUSAGE_IMPORT_WAREHOUSE": "clickhouse://ccusage_import@127.0.0.1:8123/ccusage",
        "CCUSAGE_IMPORT_PUSHGATEWAY": "http://127.0.0.1:9091",
    }

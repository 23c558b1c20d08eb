"""The tables of a cluster, created against a real ZooKeeper; their inserts need servers: see .github/cluster."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations
from tests.conftest import Place

JARS = Path("/usr/share/java")
CONFIG = """<clickhouse>
  <zookeeper><node><host>127.0.0.1</host><port>{port}</port></node></zookeeper>
  <macros><shard>01</shard><replica>one</replica></macros>
  <remote_servers><main><shard><replica><host>127.0.0.1</host><port>9</port></replica></shard></main></remote_servers>
  <default_replica_path>/clickhouse/tables/{{database}}/{{table}}/{{shard}}</default_replica_path>
  <default_replica_name>{{replica}}</default_replica_name>
</clickhouse>
"""
# The embedded engine refuses ON CLUSTER itself, and its replicas stay read-only: what alters or fills them runs in
# .github/cluster. Everything else of the statements is what a cluster gets.
SCRIPT = """
import json, os, re, sys
from ccusage_import.warehouse.clickhouse_client import ClickHouse
from ccusage_import.warehouse.driver.loading import load_driver
load_driver()
import clickhouse_connect
from ccusage_import.warehouse.migrations import known_migrations, sql_directory, statements
from ccusage_import.config.warehouse_url import EmbeddedWarehouse
from pathlib import Path
folder, config = map(Path, sys.argv[1:])
client = clickhouse_connect.get_client(interface="chdb", path=str(folder), chdb_options={"config-file": str(config)})
clustered = ClickHouse(client, EmbeddedWarehouse(folder, "usage"), "main")
clustered.command("CREATE DATABASE usage")
files = [(sql_directory() / "schema_migrations.sql").read_text(), *(known.sql for known in known_migrations())]
for file in files:
    for statement in statements(file, clustered):
        if not re.search(r"^(ALTER TABLE `?usage`?\\.`?\\w+_local|INSERT INTO)", statement, re.MULTILINE):
            clustered.command(statement.replace("ON CLUSTER `main`", ""))
engines = clustered.rows("SELECT name, engine_full FROM system.tables WHERE database = 'usage' ORDER BY name")
columns = clustered.rows("SELECT table, name, type FROM system.columns WHERE database = 'usage' ORDER BY ALL")
print(json.dumps([[list(row) for row in found] for found in (engines, columns)]), flush=True)
os._exit(0)
"""


@pytest.fixture
def zookeeper(tmp_path: Path) -> Iterator[int]:
    """A ZooKeeper of its own; yields its port."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    (tmp_path / "zoo.cfg").write_text(
        f"tickTime=500\ndataDir={tmp_path}/zookeeper\nclientPort={port}\nclientPortAddress=127.0.0.1\n"
        "admin.enableServer=false\n"
    )
    main = "org.apache.zookeeper.server.quorum.QuorumPeerMain"
    with (tmp_path / "zookeeper.log").open("wb") as log:
        process = subprocess.Popen(
            ["java", "-cp", f"{JARS}/*", main, tmp_path / "zoo.cfg"], stdout=log, stderr=log, stdin=subprocess.DEVNULL
        )
        try:
            _wait_for(port, process)
            yield port
        finally:
            process.terminate()
            process.wait(timeout=30)


def _wait_for(port: int, process: subprocess.Popen[bytes]) -> None:
    for _ in range(300):
        assert process.poll() is None, "ZooKeeper ended"
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise AssertionError("ZooKeeper does not answer")


@pytest.mark.skipif(not (JARS / "zookeeper.jar").exists(), reason="needs Debian's package zookeeper; runs in CI")
def test_a_cluster_gets_replicated_tables_and_distributed_ones_over_them(
    zookeeper: int, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    (tmp_path / "config.xml").write_text(CONFIG.format(port=zookeeper))

    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path / "engine", tmp_path / "config.xml"],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    tables, columns = json.loads(done.stdout)
    engines = {name: engine.partition(" ORDER BY")[0] for name, engine in tables}

    def replica(table: str) -> str:
        return f"'/clickhouse/tables/usage/{table}/{{shard}}', '{{replica}}'"

    assert {name: engine for name, engine in engines.items() if engine} == {
        "records_local": f"ReplicatedReplacingMergeTree({replica('records_local')}, load_id, is_deleted)",
        "changes_local": f"ReplicatedMergeTree({replica('changes_local')})",
        "loads_local": f"ReplicatedReplacingMergeTree({replica('loads_local')}, revision)",
        **{
            f"{table}_local": f"ReplicatedReplacingMergeTree({replica(f'{table}_local')}, version)"
            for table in ("message_facts_by_month",)
        },
        **{
            f"{table}_local": f"ReplicatedAggregatingMergeTree({replica(f'{table}_local')})"
            for table in ("tool_call_facts_by_month", "turn_facts", "event_facts")
        },
        "hour_facts_local": f"ReplicatedReplacingMergeTree({replica('hour_facts_local')}, last_load_id)",
        "folded_ids_local": f"ReplicatedReplacingMergeTree({replica('folded_ids_local')})",
        **{
            table: f"Distributed('main', 'usage', '{table}_local', cityHash64(machine))"
            for table in (
                "message_facts_by_month",
                "tool_call_facts_by_month",
                "turn_facts",
                "event_facts",
                "hour_facts",
                "folded_ids",
            )
        },
        "price_list_local": f"ReplicatedReplacingMergeTree({replica('price_list_local')})",
        "budgets_local": f"ReplicatedReplacingMergeTree({replica('budgets_local')}, revision, is_deleted)",
        "quotas_local": f"ReplicatedReplacingMergeTree({replica('quotas_local')}, revision, is_deleted)",
        "plans_local": f"ReplicatedReplacingMergeTree({replica('plans_local')}, revision, is_deleted)",
        "machines_local": f"ReplicatedMergeTree({replica('machines_local')})",
        "schema_migrations_local": f"ReplicatedReplacingMergeTree({replica('schema_migrations_local')}, applied_at)",
        "records": "Distributed('main', 'usage', 'records_local', cityHash64(machine))",
        "changes": "Distributed('main', 'usage', 'changes_local', cityHash64(machine))",
        "loads": "Distributed('main', 'usage', 'loads_local', cityHash64(machine))",
        "price_list": "Distributed('main', 'usage', 'price_list_local', cityHash64(agent, model))",
        "budgets": "Distributed('main', 'usage', 'budgets_local', cityHash64(scope, name))",
        "quotas": "Distributed('main', 'usage', 'quotas_local', cityHash64(machine))",
        "plans": "Distributed('main', 'usage', 'plans_local', cityHash64(machine))",
        "machines": "Distributed('main', 'usage', 'machines_local', cityHash64(machine))",
        "schema_migrations": "Distributed('main', 'usage', 'schema_migrations_local', cityHash64(version))",
    }
    embedded = Place(f"chdb://{tmp_path_factory.mktemp('embedded')}/warehouse")
    with open_warehouse(parse_warehouse_url(embedded.url), creates_database=True) as opened:
        apply_migrations(opened)
    one_server = embedded.rows(
        "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() ORDER BY ALL"
    )
    distributed = {name for name, engine in engines.items() if engine.startswith("Distributed")}
    assert {tuple(column) for column in columns if column[0] in distributed} == {
        column for column in one_server if column[0] in distributed
    }
    views = {name for name, engine in engines.items() if not engine}
    assert {"daily", "monthly", "sessions", "blocks", "projects_daily"} <= views

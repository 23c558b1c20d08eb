"""The two roles: what they may do is what the program needs and no more, on the engine and on a server."""

from __future__ import annotations

import json
import re
import shutil
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from ccusage_import.cli.live.mcp_answers import LIMITS
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, parse_warehouse_url
from ccusage_import.exceptions import FixableError, QueryError, WarehousePermissionError
from ccusage_import.querying.reading import read_only
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from ccusage_import.warehouse.driver.errors import MISSING_RIGHTS_HINT
from ccusage_import.warehouse.migrations import known_migrations, statements
from tests.conftest import Program
from tests.support.access import access_statements, engine_config, granted_rights
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.dashboards import answers, dashboard
from tests.support.exhaustive import some_of
from tests.support.gateway.running import running_gateway
from tests.support.gateway.users import User
from tests.support.server import server_url

RIGHTS = [
    "SELECT",
    "INSERT",
    "CREATE TABLE",
    "DROP VIEW",
    "TRUNCATE",
    "ALTER ADD COLUMN",
    "ALTER ORDER BY",
]
ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "configuration.md").read_text("utf-8")
IMPORTER, READER = "ccusage_importer", "ccusage_reader"
# SHA-256 of the passwords `import secret` and `reader secret`.
HASHES = {
    "import_hash": "5e1c715cd16a69d5b356bcc64cdbbcb903922ea0b952a57fc32e95ae4fc25e17",
    "reader_hash": "fa3f7fc2712101495e2c6111bd6e05344f38dcd53cddcd2faf787ca183036297",
}


@dataclass
class Guarded:
    """An empty database, and how to reach it with the rights of a role."""

    directory: Path
    suffix: str = ""

    @contextmanager
    def url(self, role: str, rights: list[str] | None = None, without: str = "") -> Iterator[str]:
        """Yield the URL of a user of this role, on the engine also with other rights, or fewer on some tables."""
        if self.suffix:
            user, password = ("ccusage_import", "import") if role == IMPORTER else ("grafana", "reader")
            address = str(server_url()).rpartition("@")[2]
            yield f"clickhouse://{user}{self.suffix}:{password}%20secret@{address}/ccusage{self.suffix}"
            return
        folder = self.directory / uuid.uuid4().hex
        folder.mkdir()
        config = engine_config(folder, role, rights or granted_rights(role), "ccusage", without)
        with running_gateway(self.directory / "engine", [User("somebody", "secret")], config=config) as gateway:
            yield gateway.url("somebody", "ccusage")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "guarded" in metafunc.fixturenames:
        metafunc.parametrize("guarded", ["engine", *(["server"] if server_url() else [])], indirect=True)


@pytest.fixture
def guarded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Guarded]:
    """The rights, enforced by the engine; on a server the roles and users of `sql/access` themselves."""
    if request.param == "engine":
        with open_warehouse(EmbeddedWarehouse(tmp_path / "engine", "ccusage"), creates_database=True):
            pass
        yield Guarded(tmp_path)
        return
    suffix = f"_{uuid.uuid4().hex[:8]}"
    names = re.compile(r"\b(ccusage_importer|ccusage_reader|ccusage_import|grafana)\b")
    administrator = parse_warehouse_url(f"{server_url()}/ccusage{suffix}")
    with open_warehouse(administrator, creates_database=True) as opened:
        try:
            # Twice, as at every start of the container.
            for statement in 2 * (access_statements("roles.sql") + access_statements("users.sql")):
                bound = {name: value for name, value in HASHES.items() if name in statement}
                opened.command(names.sub(rf"\1{suffix}", statement), bound)
            yield Guarded(tmp_path, suffix)
        finally:
            for what, name in (("USER", "ccusage_import"), ("USER", "grafana"), ("ROLE", IMPORTER), ("ROLE", READER)):
                opened.command(f"DROP {what} IF EXISTS {name}{suffix}")
            opened.command(f"DROP SETTINGS PROFILE IF EXISTS {READER}{suffix}")
            opened.command(f"DROP DATABASE ccusage{suffix}")


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """Two sessions of one day, so old that losing one is held."""
    directory = ClaudeDir(tmp_path / "claude")
    directory.say("a", days_ago(40), 100_000)
    directory.say("b", days_ago(40), 100_000)
    return directory


def refusal(url: str, sql: str, parameters: Mapping[str, str] | None = None) -> FixableError | None:
    """Return why a statement is refused, None where it is not."""
    with open_warehouse(parse_warehouse_url(url)) as opened:
        try:
            opened.command(sql, parameters)
        except FixableError as error:
            return error
    return None


def test_the_rights_are_said_in_three_places_alike() -> None:
    assert granted_rights(IMPORTER) == RIGHTS
    assert f"GRANT {', '.join(RIGHTS)} ON" in MISSING_RIGHTS_HINT
    assert f"`{', '.join(RIGHTS)}`" in PAGE.replace("\n", " ")
    assert granted_rights(READER) == ["SELECT"]


def test_the_administrator_of_the_container_may_run_every_statement(tmp_path: Path) -> None:
    """The engine reads all of a statement, then has no place for users and roles and knows none of them."""
    with open_warehouse(EmbeddedWarehouse(tmp_path / "engine", "ccusage"), creates_database=True):
        pass
    (tmp_path / "users.d").mkdir()
    shutil.copy(ROOT / "monitoring" / "clickhouse" / "administrator.xml", tmp_path / "users.d")
    (tmp_path / "users.xml").write_text(
        "<clickhouse><profiles><default/></profiles><quotas><default/></quotas><users><default><password/>"
        "<networks><ip>::/0</ip></networks><profile>default</profile><quota>default</quota></default></users></clickhouse>"
    )
    config = tmp_path / "config.xml"
    config.write_text(f"<clickhouse><users_config>{tmp_path}/users.xml</users_config></clickhouse>")

    with running_gateway(tmp_path / "engine", config=config) as gateway:
        for statement in access_statements("roles.sql") + access_statements("users.sql"):
            bound = {name: value for name, value in HASHES.items() if name in statement}
            error = refusal(gateway.url(database="ccusage"), statement, bound)
            assert re.search("no writeable access storage|There is no role", str(error)), (statement, error)


def test_no_password_is_in_the_repository() -> None:
    users = [one for one in access_statements("users.sql") if one.startswith("CREATE USER")]
    assert [re.sub(r".* IDENTIFIED", "IDENTIFIED", one) for one in users] == [
        "IDENTIFIED WITH sha256_hash BY {import_hash:String}",
        "IDENTIFIED WITH sha256_hash BY {reader_hash:String}",
    ]


def test_the_importer_may_do_everything_the_program_does(guarded: Guarded, program: Program, claude: ClaudeDir) -> None:
    source = ("--claude-dir", claude.root, "--timezone", "UTC")
    kept = f"chdb://{guarded.directory}/kept"
    assert program("import", "--warehouse", kept, *source).exit_code == 0
    assert program("backup", "saved", "--warehouse", kept).exit_code == 0
    spoil(program.home / "saved", program.home / "spoilt")

    with guarded.url(IMPORTER) as url:

        def run(*arguments: str | Path) -> str:
            done = program(*arguments, "--warehouse", url)
            assert done.exit_code == 0, done.stderr
            return done.stdout

        run("migrate")
        refused = program("restore", "spoilt", "--warehouse", url)
        assert (refused.exit_code, "it is empty again" in refused.stderr) == (4, True), refused.stderr
        run("restore", "saved")
        claude.delete("a")
        held = json.loads(run("import", "--json", *source))["load_id"]
        run("accept", str(held))
        assert run("query", "SELECT total_tokens FROM daily", "--format", "csv").splitlines()[1:] == ["100000"]
        run("undo", str(json.loads(run("history", "--json"))[0]["load_id"]))
        assert run("query", "SELECT total_tokens FROM daily", "--format", "csv").splitlines()[1:] == ["200000"]
        run("changes", "--json")
        checks = {one["name"]: one["health"] for one in json.loads(run("check", "--json", *source[:2]))["checks"]}
        assert (checks["rights"], checks["schema"], checks["disk space"]) == ("ok", "ok", "ok")
        assert "scratch" not in run("query", "SHOW TABLES")
        run("backup", "again")
        run("import", "--json", *source)
        assert "2 messages before " in run("compact", "--older-than", "35d")
        run("migrate")


def spoil(backup: Path, copy: Path) -> None:
    """Copy a backup with a total in its manifest that its files do not have."""
    copy.mkdir()
    for file in backup.iterdir():
        (copy / file.name).write_bytes(file.read_bytes())
    manifest = json.loads((copy / "manifest.json").read_text())
    manifest["tables"]["records"]["tokens"] += 1
    (copy / "manifest.json").write_text(json.dumps(manifest))


@pytest.mark.exhaustive
def test_without_any_one_right_something_fails(tmp_path: Path, program: Program, claude: ClaudeDir) -> None:
    kept = f"chdb://{tmp_path}/kept"
    assert program("import", "--warehouse", kept, "--claude-dir", claude.root).exit_code == 0
    assert program("backup", "saved", "--warehouse", kept).exit_code == 0
    spoil(program.home / "saved", program.home / "spoilt")
    for right in RIGHTS:
        directory = tmp_path / right.replace(" ", "_")
        with open_warehouse(EmbeddedWarehouse(directory / "engine", "ccusage"), creates_database=True):
            pass

        with Guarded(directory).url(IMPORTER, [other for other in RIGHTS if other != right]) as url:
            migrated, restored = (program(*one, "--warehouse", url) for one in (["migrate"], ["restore", "spoilt"]))

        failed = migrated if migrated.exit_code else restored
        assert failed.exit_code == 4, right
        assert "user somebody lacks a right" in failed.stderr, right
        assert failed.stderr.splitlines()[-1] == f"hint: GRANT {', '.join(RIGHTS)} ON ccusage.* TO somebody"


@pytest.mark.parametrize("missing", some_of(["message_facts_by_month*", "folded_ids*"], 1))
@pytest.mark.exhaustive
def test_without_the_right_to_drop_facts_nothing_of_a_fold_begins(
    tmp_path: Path, program: Program, claude: ClaudeDir, missing: str
) -> None:
    with open_warehouse(EmbeddedWarehouse(tmp_path / "engine", "ccusage"), creates_database=True):
        pass
    with Guarded(tmp_path).url(IMPORTER, without=missing) as url:
        assert program("migrate", "--warehouse", url).exit_code == 0
        assert program("import", "--warehouse", url, "--claude-dir", claude.root).exit_code == 0

        refused = program("compact", "--older-than", "35d", "--warehouse", url)

        assert (refused.exit_code, refused.stdout) == (4, "")
        assert "user somebody lacks a right" in refused.stderr
        assert "\nhint: GRANT ALTER DELETE ON ccusage.message_facts_by_month*, ALTER DELETE ON " in refused.stderr
        assert refused.stderr.endswith(", ALTER DELETE ON ccusage.folded_ids* TO somebody\n")
        assert program("import", "--warehouse", url, "--claude-dir", claude.root).exit_code == 0
        left = "SELECT (SELECT count() FROM messages), (SELECT count() FROM folded_ids), uniqExact(runner) FROM loads"
        assert program("query", left, "--format", "csv", "--warehouse", url).stdout.splitlines()[1:] == ["2,0,1"]


def test_without_the_right_to_drop_the_tables_of_older_releases_their_facts_stay_there(
    tmp_path: Path, program: Program
) -> None:
    place = EmbeddedWarehouse(tmp_path / "engine", "ccusage")
    with open_warehouse(place, creates_database=True) as opened:
        for migration in known_migrations():
            if migration.version <= "0012":
                for statement in statements(migration.sql, opened):
                    opened.command(statement)
        opened.insert("message_facts", ("machine", "message"), [("m", 7)], token="older")

    for without in ("message_facts", "tool_call_facts"):
        with Guarded(tmp_path).url(IMPORTER, without=without) as url:
            refused = program("migrate", "--warehouse", url)
        assert refused.exit_code == 4
        assert refused.stderr.splitlines()[-1] == (
            "hint: GRANT DROP TABLE, ALTER ADD CONSTRAINT ON ccusage.message_facts* TO somebody;"
            " GRANT DROP TABLE, ALTER ADD CONSTRAINT ON ccusage.tool_call_facts* TO somebody"
        )
    with Guarded(tmp_path).url(IMPORTER) as url:
        assert program("migrate", "--warehouse", url).exit_code == 0
    with open_warehouse(place) as opened:
        assert opened.rows("SELECT machine, message FROM message_facts_by_month FINAL") == [("m", 7)]


def test_the_importer_may_do_nothing_else(guarded: Guarded, program: Program) -> None:
    with guarded.url(IMPORTER) as url:
        assert program("migrate", "--warehouse", url).exit_code == 0

        for sql in (
            "DROP TABLE records",
            "DROP TABLE message_facts_by_month",
            "ALTER TABLE records DELETE WHERE 1",
            "ALTER TABLE changes DROP COLUMN reason",
            "DELETE FROM loads WHERE 1",
            "RENAME TABLE records TO gone",
            "CREATE DATABASE another",
            "CREATE TABLE default.another (a UInt8) ENGINE = Memory",
            "CREATE USER another",
            "GRANT SELECT ON *.* TO CURRENT_USER",
            "SELECT * FROM url('http://127.0.0.1:9/', CSV, 'a UInt8')",
            "SELECT * FROM file('secret.csv', CSV, 'a UInt8')",
        ):
            assert isinstance(refusal(url, sql), WarehousePermissionError), sql
        # `ON *`, as the roles have it, means the database alone.
        assert re.search(r"SELECT ON ccusage\w*\.\* WITH GRANT", str(refusal(url, "GRANT SELECT ON * TO CURRENT_USER")))


@pytest.mark.exhaustive
def test_the_reader_reads_every_panel_and_writes_nothing(guarded: Guarded, program: Program, claude: ClaudeDir) -> None:
    with guarded.url(IMPORTER) as url:
        assert program("migrate", "--warehouse", url).exit_code == 0
        assert program("import", "--warehouse", url, "--claude-dir", claude.root).exit_code == 0

    with guarded.url(READER) as url:
        with open_warehouse(parse_warehouse_url(url)) as opened:
            cost = {panel["title"]: answer["data"] for panel, answer in answers(opened, dashboard("overview"))}["Cost"]
            assert cost == [{"cost": 3}]
            assert len(list(answers(opened, dashboard("import-health")))) == 10
        for sql in (
            "INSERT INTO loads (load_id) VALUES (1)",
            "TRUNCATE TABLE changes",
            "CREATE TABLE another (a UInt8) ENGINE = Memory",
            "DROP VIEW daily",
            "SET readonly = 0",
            "SELECT * FROM url('http://127.0.0.1:9/', CSV, 'a UInt8')",
        ):
            assert isinstance(refusal(url, sql), WarehousePermissionError), sql


def test_the_reader_asks_by_query_and_by_mcp(guarded: Guarded, program: Program) -> None:
    with guarded.url(IMPORTER) as url:
        assert program("migrate", "--warehouse", url).exit_code == 0

    with guarded.url(READER) as url:
        for chosen, shown in (
            ("table", "┌─n─┐\n│ 0 │\n└───┘\n"),
            ("csv", '"n"\n0\n'),
            ("json", '[\n{"n":0}\n]\n'),
        ):
            done = program("query", "SELECT count() AS n FROM daily", "--format", chosen, "--warehouse", url)
            assert (done.exit_code, done.stdout, done.stderr) == (0, shown, "")
        written = program("query", "SELECT 1 SETTINGS readonly = 0", "--warehouse", url)
        assert (written.exit_code, written.stdout) == (2, "")
        with open_warehouse(parse_warehouse_url(url)) as opened:
            assert read_only(opened, "SELECT 1", "CSV", LIMITS, {}) == b"1\n"


@pytest.mark.parametrize(
    ("sql", "reason"),
    some_of(
        [
            ("SELECT 1 SETTINGS max_memory_usage = 0", "max_memory_usage shouldn't be less than 1"),
            (
                "SELECT 1 SETTINGS max_memory_usage = 2000000001",
                "max_memory_usage shouldn't be greater than 2000000000",
            ),
            ("SELECT 1 SETTINGS max_execution_time = 0", "max_execution_time shouldn't be less than 1"),
            ("SELECT 1 SETTINGS max_execution_time = 121", "max_execution_time shouldn't be greater than 120"),
            ("SELECT length(groupArray(number)) FROM numbers(400000000)", "MEMORY_LIMIT_EXCEEDED"),
        ],
        0,
        3,
    ),
)
def test_the_reader_has_limits_that_it_cannot_lift(guarded: Guarded, sql: str, reason: str) -> None:
    with guarded.url(READER) as url:
        error = refusal(url, sql)

        assert isinstance(error, QueryError)
        assert reason in str(error)
        # What Grafana's driver asks for with each query: its time limit and five seconds.
        assert refusal(url, "SELECT 1 SETTINGS max_execution_time = 65") is None

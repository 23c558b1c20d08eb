"""What the tests stand on: real ccusage, real transcripts, the real engine, each in directories of its own."""

from __future__ import annotations

import fcntl
import gc
import os
import re
import shutil
import signal
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from functools import cache
from pathlib import Path
from time import sleep

import pytest

from ccusage_import.config.warehouse_url import EmbeddedWarehouse, parse_warehouse_url
from ccusage_import.exceptions import FixableError
from ccusage_import.warehouse.clickhouse_client import ClickHouse, open_warehouse
from ccusage_import.warehouse.migrations import apply_migrations, known_migrations, statements
from tests.support.ccusage_install import install_ccusage, wanted_version
from tests.support.changed import select
from tests.support.claude_dir import ClaudeDir
from tests.support.exhaustive import all_but
from tests.support.forks import can_fork, fork, origin_environ
from tests.support.gateway.running import Gateway, running_gateway
from tests.support.open_files import allow_open_files
from tests.support.receiver import Receiver, running_receiver
from tests.support.server import server_url
from tests.support.warm import (
    ZONE,
    engine_opens_here,
    engine_stays_on,
    is_open_here,
    let_go,
    rows_of,
    run_warm,
)

CORPORA = Path(__file__).parent / "corpora"
MIDNIGHT_IS_NEAR = timedelta(seconds=90)
LONGEST = (
    "tests/ccusage/test_any_ccusage.py::",
    "tests/history/test_compact.py::test_a_fold_that_is_killed_",
    "tests/history/test_compact.py::test_a_fold_whose_server_",
    "tests/history/test_rename.py::test_a_renaming_that_is_killed_",
    "tests/history/test_rename.py::test_a_renaming_of_projects_",
    "tests/importer/test_faults.py::test_a_killed_",
    "tests/importer/test_faults.py::test_any_request_",
    "tests/live/test_outages.py::",
    "tests/project/test_wheel.py::",
    "tests/querying/test_answers.py::",
    "tests/schedule/test_schedule.py::test_cron_",
    "tests/warehouse/test_access.py::test_without_any_one_right_",
    "tests/worlds/test_worlds.py::test_engine_",
    "tests/worlds/test_worlds.py::test_lives_at_random",
)
INSERT = re.compile(r"INSERT INTO (?!FUNCTION\b)`?(\w+)`?[\s(]", re.IGNORECASE)


def pytest_addoption(parser: pytest.Parser) -> None:
    """Offer the fast loop."""
    parser.addoption("--changed", action="store_true", help="run the tests of what differs from main, embedded only")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Look for no cycles among the tests, which are thousands and stay."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Keep what the fast loop asks for, in an order that takes little time."""
    if config.getoption("--changed"):
        select(config, items)
    place = {name: number for number, name in enumerate(in_order([item.nodeid for item in items]))}
    items.sort(key=lambda item: place[item.nodeid])


def in_order(names: Sequence[str]) -> list[str]:
    """Begin with what takes longest: at the end one worker would run it alone. Else let modules stay whole.

    Whatever order tests are named in on a command line: what a module's tests share is made anew after each other one.
    """
    places = dict[str, int]()
    for name in names:
        places.setdefault(name.partition("::")[0], len(places))
    return sorted(names, key=lambda name: (not name.startswith(LONGEST), places[name.partition("::")[0]]))


def pytest_configure() -> None:
    """Hear interrupts and hang-ups, and let children hear them, also where whoever started the tests ignores them."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    allow_open_files()


def pytest_runtest_setup() -> None:
    """Start no test just before midnight, when views that end today change, and show Hypothesis the real numpy."""
    now = datetime.now(UTC)
    tomorrow = datetime.combine(now.date() + timedelta(days=1), time.min, UTC)
    if (left := tomorrow - now) < MIDNIGHT_IS_NEAR:
        sleep(left.total_seconds())
    # The driver is kept from importing numpy by an entry that Hypothesis would take for numpy itself.
    if sys.modules.get("numpy", sys) is None:
        del sys.modules["numpy"]


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> Iterator[None]:
    """Close the engine that stayed open before a test in which it does not."""
    yield
    if not isinstance(nextitem, pytest.Function) or "engine_stays" not in nextitem.fixturenames:
        let_go()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run every test of the warehouse on each place there is: embedded, over HTTP, and on a server where one is.

    Where one place stands for all, `exhaustive_at` names those that are left to `-m exhaustive`.
    """
    names = [name for name in ("place", "shared_place") if name in metafunc.fixturenames]
    if not names:
        return
    places = ["embedded", "http"]
    if metafunc.definition.get_closest_marker("one_place"):
        places = ["embedded"]
    elif server_url():
        places.append("server")
    marker = metafunc.definition.get_closest_marker("exhaustive_at")
    ordinary = set(places) - set(marker.args if marker else ())
    for name in names:
        metafunc.parametrize(name, all_but(ordinary, places), indirect=True)


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Say by name what did not run on this machine."""
    skipped = terminalreporter.stats.get("skipped", [])
    missing = [f"{report.nodeid}: {report.longrepr[2]}" for report in skipped]
    missing.append("docker-compose.yml: docker compose up --wait, and an import into what it starts")
    if not server_url():
        needed = "set CCUSAGE_IMPORT_TEST_SERVER, or start a Docker engine"
        missing += [
            f"every test with the parameter [http], on a real ClickHouse server: {needed}",
            f"the users and roles of sql/access, every test with the parameter [engine]: {needed}",
        ]
    terminalreporter.section("not run here")
    for line in missing:
        terminalreporter.line(line)


def chromium() -> str | None:
    """Return the browser of the tests: Chromium of the distribution, or Chrome."""
    return next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


@dataclass
class Place:
    """A warehouse of its own for one test, and what a user types to name it."""

    url: str
    gateway: Gateway | None = None
    cluster: str | None = None
    kept_open: ClickHouse | None = None

    def rows(self, sql: str) -> list[tuple[object, ...]]:
        """Read the warehouse back."""
        return self.answers({"": sql})[""]

    def answers(self, queries: Mapping[str, str]) -> dict[str, list[tuple[object, ...]]]:
        """Read the warehouse back in several queries; opening it takes longer than most of them."""
        warehouse = parse_warehouse_url(self.url)
        is_open = self.kept_open or is_open_here(warehouse)
        if isinstance(warehouse, EmbeddedWarehouse) and not is_open and can_fork(origin_environ()):
            return rows_of(self.url, queries)
        with self.opened() as opened:
            return {name: [tuple(row) for row in opened.rows(sql)] for name, sql in queries.items()}

    @contextmanager
    def opened(self) -> Iterator[ClickHouse]:
        """Open the warehouse; nothing else may open an embedded one meanwhile, but for this."""
        if self.kept_open:
            yield self.kept_open
            return
        warehouse = parse_warehouse_url(self.url)
        engine_opens_here(warehouse)
        with open_warehouse(warehouse, cluster=self.cluster) as opened:
            yield opened

    @contextmanager
    def keep_open(self) -> Iterator[None]:
        """Open the warehouse once for all that opens it through this."""
        with self.opened() as self.kept_open:
            yield
        self.kept_open = None


@dataclass
class Result:
    """What a finished command left."""

    exit_code: int
    stdout: str
    stderr: str


def _cluster_of_the_test() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name == "CCUSAGE_IMPORT_CLUSTER"}


@dataclass
class Program:
    """Runs `ccusage-import` as a user would, with a home of its own."""

    home: Path
    environ: dict[str, str] = field(default_factory=dict)
    prefix: tuple[str, ...] = ()

    def elsewhere(self, home: Path) -> Program:
        """Return the program in a new home, where it is another installation."""
        home.mkdir()
        return Program(home, {**self.environ, "HOME": str(home)})

    def __call__(self, *arguments: str | Path, **environ: str) -> Result:
        """Run one command to its end, in a new interpreter only where a fork would not do."""
        all_of_environ = {**self.environ, **_cluster_of_the_test(), **environ}
        if not self.prefix and can_fork(all_of_environ) and all_of_environ.get("TZ") == ZONE:
            return Result(*run_warm(list(map(str, arguments)), all_of_environ, self.home))
        let_go()
        if not self.prefix and can_fork(all_of_environ):
            forked = fork(list(map(str, arguments)), all_of_environ, self.home)
            stdout, stderr = forked.communicate(timeout=120)
            return Result(forked.wait(), stdout, stderr)
        return self.run(*self.prefix, sys.executable, "-m", "ccusage_import", *arguments, **all_of_environ)

    def run(self, *command: str | Path, **environ: str) -> Result:
        """Run any other program to its end, in this home and environment."""
        done = subprocess.run(
            command,
            env={**self.environ, **environ},
            cwd=self.home,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        return Result(done.returncode, done.stdout, done.stderr)


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Gateway]:
    """One HTTP gateway over an engine of its own, for all tests of a worker."""
    directory = tmp_path_factory.mktemp("gateway")
    config = directory / "config.xml"
    config.write_text(f"<clickhouse><backups><allowed_path>{directory}</allowed_path></backups></clickhouse>\n")
    with running_gateway(directory / "engine", config=config) as running:
        yield running


@pytest.fixture(scope="session")
def template_backup(gateway: Gateway) -> str:
    """A database behind the gateway with all tables and views, to be restored under other names."""
    with open_warehouse(parse_warehouse_url(gateway.url(database="template")), creates_database=True) as opened:
        apply_migrations(opened)
        opened.rows("BACKUP DATABASE template TO File('template')")
    return "RESTORE DATABASE template AS `{}` FROM File('template')"


class Spares:
    """Databases behind the gateway with all tables and views, but without rows.

    To restore one takes longer than most tests; so one into which a test did no more than insert is used again.
    """

    def __init__(self, gateway: Gateway, restore: str) -> None:
        self._gateway = gateway
        self._restore = restore
        self._names = list[str]()

    @contextmanager
    def lent(self) -> Iterator[Place]:
        """Lend one."""
        name = self._names.pop() if self._names else self._make()
        yield Place(self._gateway.url(database=name), self._gateway)
        self._gateway.clear_faults()
        self._give_back(name)

    def _make(self) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        with open_warehouse(parse_warehouse_url(self._gateway.url())) as opened:
            opened.rows(self._restore.format(name))
        with open_warehouse(parse_warehouse_url(self._gateway.url(database=name))) as opened:
            _name_windows_anew(opened)
        # Of what was changed, what a test did alone is asked for.
        self._gateway.changes(name)
        return name

    def _give_back(self, name: str) -> None:
        """Empty what was inserted into, or drop the database where more was done to it."""
        found = [INSERT.match(statement) for statement in self._gateway.changes(name)]
        tables = {insert[1] for insert in found if insert}
        is_sound = all(found) and "schema_migrations" not in tables
        ending = [f"TRUNCATE TABLE `{table}` SYNC" for table in tables] if is_sound else [f"DROP DATABASE `{name}`"]
        with open_warehouse(parse_warehouse_url(self._gateway.url(database=name)), creates_database=True) as opened:
            for statement in ending:
                opened.command(statement)
        self._gateway.changes(name)
        if is_sound:
            self._names.append(name)


class Emptied:
    """Embedded warehouses with all tables and views, but without rows.

    To open one takes longer than most tests; so one into which a test did no more than insert is used again, and where
    the engine stays open it does so from one test to the next.
    """

    FILLED = "SELECT name, total_rows FROM system.tables WHERE database = currentDatabase() AND total_rows > 0"

    def __init__(self, template: Path, directory: Path) -> None:
        self._template = template
        self._directory = directory
        self._paths = list[Path]()

    @contextmanager
    def lent(self) -> Iterator[Place]:
        """Lend one."""
        path = self._paths.pop() if self._paths else self._make()
        place, tables = Place(f"chdb://{path}"), _statements_of(path)
        yield place
        if self._is_emptied(place) and _statements_of(path) == tables:
            self._paths.append(path)

    def _make(self) -> Path:
        return copy_template(self._template, self._directory / uuid.uuid4().hex[:12] / "warehouse")

    def _is_emptied(self, place: Place) -> bool:
        try:
            filled = {str(name): rows for name, rows in place.rows(self.FILLED)}
            migrations = filled.pop("schema_migrations", 0)
            place.answers({name: f"TRUNCATE TABLE `{name}` SYNC" for name in filled})
        except FixableError:
            return False
        return migrations == len(known_migrations())


def _statements_of(warehouse: Path) -> dict[str, int]:
    """Return when which database, table or view of a warehouse was made or changed."""
    files = (*warehouse.glob("metadata/*.sql"), *warehouse.glob("metadata/*/*.sql"))
    return {str(file): file.stat().st_mtime_ns for file in files}


@pytest.fixture(scope="session")
def emptied(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Emptied:
    """Embedded warehouses that tests of a worker use one after another."""
    return Emptied(template, tmp_path_factory.mktemp("emptied"))


@pytest.fixture(scope="session")
def spares(gateway: Gateway, template_backup: str) -> Spares:
    """Databases that tests of a worker use one after another."""
    return Spares(gateway, template_backup)


@pytest.fixture
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Place]:
    """An empty warehouse: embedded, or a new database behind HTTP."""
    with _place(request, tmp_path) as made, _cluster_of(made):
        yield made


@pytest.fixture(scope="module")
def shared_place(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    """An empty warehouse for all tests of a module."""
    with _place(request, tmp_path_factory.mktemp("shared")) as made:
        yield made


@contextmanager
def _cluster_of(place: Place) -> Iterator[None]:
    """Let commands use the cluster of a place."""
    with pytest.MonkeyPatch.context() as patched:
        if place.cluster:
            patched.setenv("CCUSAGE_IMPORT_CLUSTER", place.cluster)
        yield


@contextmanager
def _place(request: pytest.FixtureRequest, directory: Path) -> Iterator[Place]:
    if request.scope == "function" and {"migrated", "engine_stays"} <= set(request.fixturenames):
        # Before what opens the warehouse.
        request.getfixturevalue("engine_stays")
    if request.param == "embedded" and {"migrated", "engine_stays"} <= set(request.fixturenames):
        with request.getfixturevalue("emptied").lent() as place:
            yield place
        return
    if request.param == "embedded":
        yield Place(f"chdb://{directory}/warehouse")
        return
    if request.param == "http" and {"migrated", "shared_migrated"} & set(request.fixturenames):
        with request.getfixturevalue("spares").lent() as spare:
            yield spare
        return
    database = f"test_{uuid.uuid4().hex[:12]}"
    gateway: Gateway | None = request.getfixturevalue("gateway") if request.param == "http" else None
    url = gateway.url(database=database) if gateway else f"{server_url()}/{database}"
    # With a cluster the whole server side of the tests runs on replicated tables, sharded by machine.
    cluster = None if gateway else os.environ.get("CCUSAGE_IMPORT_TEST_CLUSTER")
    yield Place(url, gateway, cluster)
    if gateway:
        gateway.clear_faults()
    with open_warehouse(parse_warehouse_url(url), cluster=cluster, creates_database=True) as opened:
        opened.command(f"DROP DATABASE `{database}`" + (f" ON CLUSTER `{cluster}` SYNC" if cluster else ""))


def made_once(factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """Return a directory that the first worker that needs it makes for all of them; nobody may change it."""
    shared = factory.getbasetemp().parent if "PYTEST_XDIST_WORKER" in os.environ else factory.getbasetemp()
    made = shared / f"made-{name}"
    with (shared / f"made-{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not made.exists():
            unfinished = factory.mktemp(name) / "unfinished"
            make(unfinished)
            unfinished.rename(made)
    return made


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An embedded warehouse with all tables and views, to be copied: that is faster than to make another one."""
    return made_once(tmp_path_factory, "template", _make_template)


def _make_template(directory: Path) -> None:
    with open_warehouse(EmbeddedWarehouse(directory, "ccusage"), creates_database=True) as opened:
        apply_migrations(opened)
        opened.command("OPTIMIZE TABLE schema_migrations FINAL")
        parts = {Path(str(path)) for (path,) in opened.rows("SELECT path FROM system.parts WHERE active")}
    # The engine would look at parts that were merged, and remove them, whenever a copy is opened.
    for merged in set(directory.glob("store/*/*/all_*")) - parts:
        shutil.rmtree(merged)


@cache
def _entries(directory: Path) -> list[tuple[Path, str | bytes | None]]:
    """Return what is in a directory, each after what holds it: links with their target, files with their bytes."""
    return [
        (
            entry.relative_to(directory),
            str(entry.readlink()) if entry.is_symlink() else entry.read_bytes() if entry.is_file() else None,
        )
        for entry in sorted(directory.rglob("*"))
    ]


def copy_template(template: Path, to: Path) -> Path:
    """Copy what nobody changes, for a quarter of what it takes to read it again each time."""
    to.mkdir(mode=0o700, parents=True)
    for name, content in _entries(template):
        if content is None:
            (to / name).mkdir()
        elif isinstance(content, str):
            (to / name).symlink_to(content)
        else:
            (to / name).write_bytes(content)
    return to


@pytest.fixture(name="engine_stays")
def _engine_stays() -> Iterator[None]:
    """Lets the engine stay open behind the commands of a test, where what is tested lies above the warehouse."""
    with engine_stays_on():
        yield


@pytest.fixture
def own_warehouse(program: Program, template: Path) -> Path:
    """A warehouse without rows where the program looks for its own."""
    return copy_template(template, program.home / ".local/share/ccusage-import/warehouse")


@pytest.fixture
def embedded(
    request: pytest.FixtureRequest, template: Path, emptied: Emptied, tmp_path: Path
) -> Iterator[Callable[[str], Place]]:
    """Makes embedded warehouses with all tables and views, but without rows."""
    with ExitStack() as stack:

        def made(name: str) -> Place:
            if "engine_stays" in request.fixturenames:
                return stack.enter_context(emptied.lent())
            copy_template(template, tmp_path / name)
            return Place(f"chdb://{tmp_path}/{name}")

        yield made


def _name_windows_anew(warehouse: ClickHouse) -> None:
    """RESTORE gives tables the name of the new database wherever views read them, but not views with a parameter."""
    for migration in known_migrations():
        if migration.is_view and "_since(first" in migration.sql:
            for statement in statements(migration.sql, warehouse):
                warehouse.command(statement)


@pytest.fixture
def migrated(place: Place, request: pytest.FixtureRequest) -> Place:
    """A warehouse with all tables and views, but without rows."""
    return _migrate(place, request)


@pytest.fixture(scope="module")
def shared_migrated(shared_place: Place, request: pytest.FixtureRequest) -> Iterator[Place]:
    """A warehouse like `migrated`, which fixtures of a module fill and its tests only read."""
    migrated = _migrate(shared_place, request)
    with _cluster_of(migrated):
        yield migrated


@contextmanager
def only_read(place: Place) -> Iterator[Place]:
    """Lend a filled warehouse to tests that only read it, and see that none of them writes."""
    sizes = "SELECT name, total_rows FROM system.tables WHERE database = currentDatabase() AND isNotNull(total_rows)"
    before = {name: int(str(size)) for name, size in place.rows(sizes)}
    yield place
    # Merges make tables smaller.
    grown = [name for name, size in place.rows(sizes) if int(str(size)) > before[name]]
    assert not grown, "a test has written into what others read"


def _migrate(place: Place, request: pytest.FixtureRequest) -> Place:
    parsed = parse_warehouse_url(place.url)
    if isinstance(parsed, EmbeddedWarehouse):
        if not parsed.path.exists():
            copy_template(request.getfixturevalue("template"), parsed.path)
        return place
    if place.gateway:
        return place
    with open_warehouse(parse_warehouse_url(place.url), cluster=place.cluster, creates_database=True) as opened:
        apply_migrations(opened)
    return place


@pytest.fixture(scope="session")
def ccusage20() -> Path:
    """The ccusage this program is pinned to, or another one that is to be tested."""
    return install_ccusage(wanted_version())


@pytest.fixture(scope="session")
def ccusage18() -> Path:
    """The last ccusage written in JavaScript alone."""
    return install_ccusage("18.0.11")


def program_in(home: Path, ccusage: Path) -> Program:
    """Return the command line in a home; ccusage is found on PATH."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "SSL_CERT_FILE") if name in os.environ}
    path = os.pathsep.join((str(ccusage.parent), kept["PATH"]))
    environ = {**kept, "PATH": path, "HOME": str(home), "TZ": "UTC", "PYTHONPATH": str(Path.cwd())}
    # A second import is there to judge what is stored already, but for the tests of this setting.
    return Program(home, {**environ, "CCUSAGE_IMPORT_SKIP_UNCHANGED": "false"})


@pytest.fixture
def program(tmp_path: Path, ccusage20: Path) -> Program:
    """The command line in an empty home."""
    home = tmp_path / "home"
    home.mkdir()
    return program_in(home, ccusage20)


@pytest.fixture
def claude(tmp_path: Path) -> ClaudeDir:
    """An empty Claude data directory; what is said in it costs $15 a million tokens."""
    return ClaudeDir(tmp_path / "claude")


@pytest.fixture
def corpus(tmp_path: Path) -> Callable[[str], Path]:
    """Copies of the transcripts: ccusage is misled by a folder named `projects` above them.

    Real ones, whose names begin with `real/`, are not in this repository.
    """

    def copied(name: str) -> Path:
        place = Path(os.environ.get("CCUSAGE_IMPORT_TEST_CORPORA", "")) if name.startswith("real/") else CORPORA
        if not (place / name).is_dir():
            pytest.skip("needs real transcripts: CCUSAGE_IMPORT_TEST_CORPORA names the directory above real/")
        target = tmp_path / "claude" / name.replace("/", "-")
        shutil.copytree(place / name, target)
        return target

    return copied


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Whoever is notified, over HTTP."""
    with running_receiver() as running:
        yield running

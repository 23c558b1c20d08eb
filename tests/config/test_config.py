"""Where each setting comes from, and what is refused."""

from __future__ import annotations

import json
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ccusage_import.config.directories import Directories, home_of
from ccusage_import.config.environment import setting_variables
from ccusage_import.config.layers import environment_settings, load_configuration
from ccusage_import.config.settings import Configuration
from ccusage_import.config.warehouse_url import EmbeddedWarehouse, ServerWarehouse
from ccusage_import.exceptions import ConfigurationError
from tests.conftest import Program

# Tables in tables, lists in lists, and a name of many parts: none of it may reach the end of a stack.
DEEP = [b"budget = " + b"[" * 100_000, b"budget = " + b"{a=" * 100_000, b"[" + b".".join([b"a"] * 100_000) + b"]"]
NO_ZONE = "is not an IANA time zone such as Europe/Berlin or UTC"
LATIN_1 = os.fsdecode("piña".encode("latin-1"))
IDENTITY = {"machine": "studio", "timezone": "Europe/Berlin", "salt": "0123abcd", "installation": "feed"}


@pytest.fixture
def directories(tmp_path: Path) -> Directories:
    return Directories(tmp_path / "config", tmp_path / "data", tmp_path / "state", tmp_path / "log")


def load(
    directories: Directories, toml: str = "", environ: dict[str, str] | None = None, **flags: Any
) -> Configuration:
    """Load with a TOML file where there is a text for it."""
    if toml:
        directories.config.mkdir(exist_ok=True)
        directories.config_file.write_text(toml, "utf-8")
    return load_configuration(flags, environ or {}, identity=IDENTITY, directories=directories)


def refusal(directories: Directories, toml: str = "", environ: dict[str, str] | None = None, **flags: Any) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(directories, toml, environ, **flags)
    assert int(caught.value.exit_code) == 2
    assert caught.value.hint
    return "\n".join((str(caught.value), *caught.value.details))


# --- precedence -----------------------------------------------------------------------------------------


def test_without_anything_the_first_run_and_the_defaults_count(directories: Directories) -> None:
    configuration = load(directories)
    settings = configuration.settings
    assert (settings.machine, settings.timezone) == ("studio", "Europe/Berlin")
    assert settings.salt.get_secret_value() == "0123abcd"
    assert configuration.installation == "feed"
    assert settings.warehouse == f"chdb://{directories.data}/warehouse"
    assert settings.parsed_warehouse() == EmbeddedWarehouse(directories.data / "warehouse")
    assert (settings.ccusage_version, settings.mode, settings.prices) == ("20.0.24", "auto", "follow")
    assert (settings.hash_projects, settings.online_prices, settings.claude_dirs) == (True, False, ())
    assert (settings.timeout_seconds, settings.attempts, settings.lock_wait_seconds) == (300, 3, 30)
    assert configuration.origins["machine"] == "first run"
    assert configuration.origins["warehouse"] == "default"


def test_a_flag_comes_before_everything(directories: Directories) -> None:
    """Each layer is taken away from the top, and the next one shows."""
    toml = 'machine = "from-toml"'
    classic = {"MACHINE_NAME": "from-classic"}
    own = {**classic, "CCUSAGE_IMPORT_MACHINE": "from-own"}
    layers = [
        (load(directories, toml, own, machine="from-flag"), "from-flag", "command line"),
        (load(directories, toml, own), "from-own", "environment"),
        (load(directories, toml, classic), "from-classic", "environment"),
        (load(directories, toml), "from-toml", str(directories.config_file)),
        (load(directories, "# nothing"), "studio", "first run"),
    ]
    for configuration, value, origin in layers:
        assert (configuration.settings.machine, configuration.origins["machine"]) == (value, origin)


def test_a_flag_that_was_not_given_hides_nothing(directories: Directories) -> None:
    configuration = load(directories, "jobs = 2", {}, jobs=None, machine=None)
    assert (configuration.settings.jobs, configuration.origins["jobs"]) == (2, str(directories.config_file))


def test_an_empty_variable_counts_as_unset(directories: Directories) -> None:
    environ = {"CCUSAGE_IMPORT_MACHINE": "", "MACHINE_NAME": "", "CH_HOST": "", "CCUSAGE_IMPORT_JOBS": ""}
    assert environment_settings(environ) == {}
    assert load(directories, "", environ).settings.machine == "studio"


def test_false_on_the_command_line_is_a_value(directories: Directories) -> None:
    settings = load(directories, "hash_projects = true\nonline_prices = true", hash_projects=False).settings
    assert (settings.hash_projects, settings.online_prices) == (False, True)


def test_text_from_the_environment_is_converted(directories: Directories) -> None:
    environ = {
        "CCUSAGE_IMPORT_HASH_PROJECTS": "false",
        "CCUSAGE_IMPORT_JOBS": "4",
        "CCUSAGE_IMPORT_TIMEOUT_SECONDS": "1.5",
        "CCUSAGE_IMPORT_CLAUDE_DIRS": "/one, /two ,,/three",
        "CCUSAGE_IMPORT_TIMEZONE": " America/New_York ",
    }
    settings = load(directories, "", environ).settings
    assert (settings.hash_projects, settings.jobs, settings.timeout_seconds) == (False, 4, 1.5)
    assert settings.claude_dirs == (Path("/one"), Path("/two"), Path("/three"))
    assert settings.timezone == "America/New_York"


@pytest.mark.parametrize(
    ("text", "environ", "agents"),
    [
        ("", {}, ("claude",)),
        ('agents = ["codex", "claude", "codex"]', {}, ("codex", "claude")),
        ('agents = "all"', {}, ("all",)),
        ('agents = ["amp"]', {"CCUSAGE_IMPORT_AGENTS": " codex, opencode,,"}, ("codex", "opencode")),
    ],
)
def test_agents_are_a_list_or_names_with_commas(
    directories: Directories, text: str, environ: dict[str, str], agents: tuple[str, ...]
) -> None:
    assert load(directories, text, environ).settings.agents == agents


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("agents = []", "agents ({file}): is empty"),
        (
            '[budget]\nmonthly = 20\nheartbeat_url = "https://example.com/"',
            "budget.heartbeat_url ({file}): unknown setting; heartbeat_url stands above the first [table] of the file",
        ),
        (
            'agents = ["codex", {}]',
            "agents.1 ({file}): Input should be the name of an agent in small letters, such as codex",
        ),
        ("agents = [1]", "agents.0 ({file}): Input should be the name of an agent in small letters, such as codex"),
        ("agents = 1", 'agents ({file}): Input should be a list, such as ["value"]'),
        ('machine = " "', "machine ({file}): is empty"),
        (f'machine = "{"m" * 201}"', "machine ({file}): is longer than 200 characters"),
        ("stale_after_hours = inf", "stale_after_hours ({file}): Input should be a finite number"),
        ("timeout_seconds = nan", "timeout_seconds ({file}): Input should be a finite number"),
        ('keep_raw = "often"', "keep_raw ({file}): Input should be true or false"),
        ('budget.monthly = "100 EUR"', "budget.monthly ({file}): Input should be a number"),
        (
            'timezone = "Singpore"',
            f"timezone ({{file}}): 'Singpore' {NO_ZONE}; nearest: Singapore, Asia/Singapore",
        ),
        (
            'agents = ["Codex"]',
            "agents.0 ({file}): Input should be the name of an agent in small letters, such as codex",
        ),
        ('ccusage_version = "x"', 'ccusage_version ({file}): Input should be a version in quotes, such as "20.0.24"'),
        ("ccusage_version = 20.1", 'ccusage_version ({file}): Input should be a version in quotes, such as "20.0.24"'),
        (
            'cluster = "a b"',
            "cluster ({file}): Input should be a name of letters, digits and underscores, which begins with no digit",
        ),
    ],
)
def test_what_names_nothing_is_refused_in_words(directories: Directories, text: str, line: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(directories, text)
    assert caught.value.details == (line.format(file=directories.config_file),)


def test_claudes_own_variable_names_the_directories(directories: Directories) -> None:
    environ = {"CLAUDE_CONFIG_DIR": "/one,/two"}
    assert load(directories, "", environ).settings.claude_dirs == (Path("/one"), Path("/two"))
    environ["CCUSAGE_IMPORT_CLAUDE_DIRS"] = "/three"
    assert load(directories, "", environ).settings.claude_dirs == (Path("/three"),)


def test_paths_are_absolute(directories: Directories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ana")
    settings = load(directories, 'claude_dirs = ["~/.claude", "here"]\nlog_file = "~/import.log"').settings
    assert settings.claude_dirs == (Path("/home/ana/.claude"), tmp_path / "here")
    assert settings.log_file == Path("/home/ana/import.log")


def test_the_home_of_a_user_that_is_not_known_is_a_directory_of_that_name(
    directories: Directories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    environ = {"CCUSAGE_IMPORT_LOG_FILE": "~no-such-user/log"}
    settings = load(directories, 'claude_dirs = ["~no-such-user/.claude"]', environ).settings
    assert settings.claude_dirs == (tmp_path / "~no-such-user/.claude",)
    assert setting_variables(environ) == {"CCUSAGE_IMPORT_LOG_FILE": str(settings.log_file)}
    assert settings.log_file == tmp_path / "~no-such-user/log"


def test_another_file_replaces_the_default_one(directories: Directories, tmp_path: Path) -> None:
    load(directories, "jobs = 2")
    other = tmp_path / "other.toml"
    other.write_text("attempts = 5", "utf-8")
    configuration = load_configuration({}, {}, identity=IDENTITY, directories=directories, config_file=other)
    assert (configuration.settings.jobs, configuration.settings.attempts) == (None, 5)
    assert configuration.origins["attempts"] == str(other)


# --- the classic variables ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("environ", "expected"),
    [
        ({"CH_HOST": "db"}, ServerWarehouse("db", 8123, secure=False)),
        (
            {"CH_HOST": "db", "CH_PORT": "9000", "CH_USER": "ana", "CH_PASSWORD": "pw", "CH_DATABASE": "usage"},
            ServerWarehouse("db", 9000, secure=False, database="usage", user="ana", password="pw"),
        ),
        ({"CH_HOST": "db", "CH_PORT": "8443"}, ServerWarehouse("db", 8443, secure=True)),
        ({"CH_HOST": "db", "CH_PORT": "443"}, ServerWarehouse("db", 443, secure=True)),
        ({"CH_HOST": "db", "CH_USER": "ana@home"}, ServerWarehouse("db", 8123, secure=False, user="ana@home")),
        ({"CH_HOST": "db", "CH_PASSWORD": "p/w:@%41"}, ServerWarehouse("db", 8123, secure=False, password="p/w:@%41")),
    ],
)
def test_the_classic_variables_select_a_server(
    directories: Directories, environ: dict[str, str], expected: ServerWarehouse
) -> None:
    configuration = load(directories, 'warehouse = "chdb:///elsewhere"', environ)
    assert configuration.settings.parsed_warehouse() == expected
    assert configuration.origins["warehouse"] == "environment"


def test_each_classic_variable_that_is_set_may_be_the_wrong_one(directories: Directories) -> None:
    with pytest.raises(ConfigurationError) as caught:
        load(directories, "", {"CH_HOST": "db", "CH_DATABASE": "my-usage"})
    assert caught.value.hint == "correct CH_HOST or CH_DATABASE"


@pytest.mark.parametrize(
    ("environ", "user", "host"),
    [
        ({"CH_HOST": "db", "CH_USER": "a:b"}, "a:b", "db"),
        ({"CH_HOST": "db", "CH_USER": "a%41"}, "a%41", "db"),
        ({"CH_HOST": "db", "CH_USER": "a/b"}, "a/b", "db"),
        ({"CH_HOST": "::1"}, "default", "::1"),
    ],
)
def test_classic_variables_may_hold_any_character(
    directories: Directories, environ: dict[str, str], user: str, host: str
) -> None:
    warehouse = load(directories, "", environ).settings.parsed_warehouse()
    assert isinstance(warehouse, ServerWarehouse)
    assert (warehouse.user, warehouse.host, warehouse.password) == (user, host, "")


def test_the_warehouse_variable_comes_before_the_classic_ones(directories: Directories) -> None:
    environ = {"CH_HOST": "db", "CCUSAGE_IMPORT_WAREHOUSE": "clickhouse://other"}
    warehouse = load(directories, "", environ).settings.parsed_warehouse()
    assert warehouse == ServerWarehouse("other", 8123, secure=False)


# --- passwords ------------------------------------------------------------------------------------------------


def password_of(configuration: Configuration) -> str:
    warehouse = configuration.settings.parsed_warehouse()
    assert isinstance(warehouse, ServerWarehouse)
    return warehouse.password


def test_where_the_password_comes_from(directories: Directories, tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("  from-file  \nsecond line\n", "utf-8")
    toml = f'warehouse = "clickhouse://ana@db"\npassword_file = "{file}"'
    environ = {"CH_PASSWORD": "from-classic"}
    own = {**environ, "CCUSAGE_IMPORT_PASSWORD": "from-own"}
    in_url = {**own, "CCUSAGE_IMPORT_WAREHOUSE": "clickhouse://ana:from-url@db"}
    assert password_of(load(directories, toml)) == "from-file"
    assert password_of(load(directories, toml, environ)) == "from-classic"
    assert password_of(load(directories, toml, own)) == "from-own"
    assert password_of(load(directories, toml, in_url)) == "from-url"


def test_a_password_file_that_cannot_be_read_is_an_error(directories: Directories, tmp_path: Path) -> None:
    assert refusal(directories, password_file=tmp_path / "none") == (
        f"password_file {tmp_path}/none: No such file or directory"
    )
    assert refusal(directories, password_file=tmp_path) == f"password_file {tmp_path}: Is a directory"


def test_a_password_file_that_is_no_text_is_an_error(directories: Directories, tmp_path: Path) -> None:
    (tmp_path / "password").write_bytes(b"\xff\xfe")
    assert "password_file" in refusal(directories, password_file=tmp_path / "password")


def test_secrets_are_not_shown(directories: Directories) -> None:
    environ = {"CCUSAGE_IMPORT_PASSWORD": "s3cret", "CCUSAGE_IMPORT_SALT": "s3cret"}
    configuration = load(directories, 'warehouse = "clickhouse://ana@db"', environ)
    assert "s3cret" not in repr(configuration)
    assert "s3cret" not in str(configuration.settings)
    assert "s3cret" not in repr(configuration.settings.parsed_warehouse())


@pytest.mark.parametrize(
    "toml",
    [
        'jobs = 99\npassword = "s3cret"\nsalt = "s3cret"',
        'warehouse = "mysql://ana:s3cret@db"',
        'jobs = 99\nwarehouse = "clickhouse://ana:s3cret@db"',
        'password = ["s3cret"]\nsalt = {s3cret = 1}',
        'warehouse = ["clickhouse://ana:s3cret@db"]',
    ],
)
def test_secrets_are_in_no_message(directories: Directories, toml: str) -> None:
    assert "s3cret" not in refusal(directories, toml)


# --- what is refused --------------------------------------------------------------------------------------------


def test_everything_that_cannot_be_used_is_said_at_once_with_its_origin(directories: Directories) -> None:
    message = refusal(
        directories,
        'jobs = 0\ncolour = "red"\nclaude_dirs = [1]',
        {"CCUSAGE_IMPORT_TIMEZONE": "Mars/Phobos", "CCUSAGE_IMPORT_ATTEMPTS": "many"},
        mode="free",
    )
    file = directories.config_file
    first, *rest = message.splitlines()
    assert first == "configuration: 6 values cannot be used"
    assert sorted(rest) == [
        "attempts (environment): Input should be a valid integer, unable to parse string as an integer",
        f"claude_dirs.0 ({file}): Input should be a path in quotes",
        f"colour ({file}): unknown setting; nearest: cluster",
        f"jobs ({file}): Input should be greater than or equal to 1",
        "mode (command line): Input should be 'auto', 'calculate' or 'display'",
        f"timezone (environment): 'Mars/Phobos' {NO_ZONE}",
    ]


def test_paths_that_no_file_can_have_are_refused(directories: Directories) -> None:
    file, odd = directories.config_file, f"/{LATIN_1}"
    message = refusal(
        directories, 'password_file = "/a\\u0000b"', {"CCUSAGE_IMPORT_LOG_FILE": odd}, claude_dirs=(Path(odd),)
    )
    assert message.splitlines()[1:] == [
        f"password_file ({file}): '/a\\x00b' is not UTF-8, or has a NUL",
        "claude_dirs.0 (command line): '/pi\\udcf1a' is not UTF-8, or has a NUL",
        "log_file (environment): '/pi\\udcf1a' is not UTF-8, or has a NUL",
    ]


@pytest.mark.parametrize("name", ["\\ud800", LATIN_1])
def test_a_limit_of_a_name_that_no_warehouse_can_hold_is_refused(directories: Directories, name: str) -> None:
    message = refusal(directories, environ={"CCUSAGE_IMPORT_BUDGET": f'{{"projects": {{"{name}": 5}}}}'})
    assert message.splitlines()[1].startswith("budget.projects.")
    assert message.endswith(" (environment): is not UTF-8")


def test_the_warehouse_is_said_together_with_the_rest(directories: Directories) -> None:
    message = refusal(directories, "jobs = 0", {"CCUSAGE_IMPORT_WAREHOUSE": "mysql://db"})
    assert "jobs (" in message
    assert "warehouse (environment): unknown kind of address 'mysql://db'" in message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("jobs", 17),
        ("timeout_seconds", 0),
        ("attempts", 11),
        ("lock_wait_seconds", -1),
        ("machine", ""),
        ("machine", "   "),
        ("machine", "m" * 201),
        ("timezone", "+02:00"),
        ("timezone", "../UTC"),
        ("timezone", ""),
        ("timezone", "posix/Europe/Berlin"),
        ("timezone", "right/Europe/Berlin"),
        ("ccusage_version", "latest"),
        ("ccusage_version", "20.0"),
        ("ccusage_version", "20.0.24 || rm"),
        ("prices", "rise"),
        ("hash_projects", "perhaps"),
        ("cluster", "1"),
        ("cluster", ""),
        ("machine", "a\nb"),
        ("machine", "a\x7fb"),
        ("ccusage", '"ccusage'),
        ("ccusage", "ccusage\\"),
        ("ccusage", "  "),
        ("sync", "chdb:///var/lib/warehouse"),
        ("sync", "nowhere"),
        ("log_file", ""),
        ("claude_dirs", ("",)),
        ("log_rotation", "banana"),
        ("log_rotation", "10 bananas"),
        ("log_rotation", "-1 days"),
        ("log_rotation", "0 h"),
        ("log_retention", "banana"),
        ("log_retention", "99999999999 years"),
        ("metrics_file", "/metrics/ccusage-import.txt"),
    ],
)
def test_values_that_cannot_be_used(directories: Directories, name: str, value: object) -> None:
    flags: dict[str, Any] = {name: value}
    first, line = refusal(directories, **flags).splitlines()
    assert first == "configuration: 1 value cannot be used"
    assert line.startswith((f"{name} (command line): ", f"{name}.0 (command line): "))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ccusage", "'/my programs/ccusage' --debug"),
        ("log_rotation", "1 week"),
        ("log_rotation", "sunday at 03:00"),
        ("log_rotation", "daily"),
        ("log_retention", "2 months"),
        ("metrics_file", "/metrics/ccusage-import.prom"),
    ],
)
def test_values_that_can_be_used(directories: Directories, name: str, value: str) -> None:
    flags: dict[str, Any] = {name: value}
    assert str(getattr(load(directories, **flags).settings, name)) == value


def test_a_retention_that_is_read_removes_nothing(
    directories: Directories, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "log").write_text("kept")
    load(directories, log_retention="0 s", log_rotation="0 B")
    assert [path.name for path in tmp_path.iterdir()] == ["log"]


def test_the_hint_names_what_is_to_be_corrected(directories: Directories) -> None:
    toml = "jbos = 2\ntimeout_seconds = 0\n[budget]\nmonthli = 300\n"
    environ = {"MACHINE_NAME": "a\tb", "CCUSAGE_IMPORT_ATTEMPTS": "0"}
    with pytest.raises(ConfigurationError) as caught:
        load(directories, toml, environ, jobs=0)

    file = directories.config_file
    assert sorted(caught.value.details) == [
        "attempts (environment): Input should be greater than or equal to 1",
        f"budget.monthli ({file}): unknown setting; nearest: monthly",
        f"jbos ({file}): unknown setting; nearest: jobs",
        "jobs (command line): Input should be greater than or equal to 1",
        "machine (environment): holds a control character, such as the end of a line",
        f"timeout_seconds ({file}): Input should be greater than 0",
    ]
    where = caught.value.hint.removeprefix("correct ").split(", ")
    assert sorted(where) == sorted(["MACHINE_NAME", "CCUSAGE_IMPORT_ATTEMPTS", str(file), "jobs on the command line"])


@pytest.mark.parametrize("command", ["status", "import", "watch"])
def test_a_command_whose_quotes_are_not_closed_is_refused(program: Program, command: str) -> None:
    done = program(command, CCUSAGE_IMPORT_CCUSAGE='"ccusage')

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        "ccusage-import: error: configuration: 1 value cannot be used\n"
        '  ccusage (environment): its quotes are not closed: "ccusage\n'
        "hint: correct CCUSAGE_IMPORT_CCUSAGE\n"
    )


@pytest.mark.parametrize("cluster", ["a b", "a`; DROP TABLE records", "1a", "a-b"])
def test_a_cluster_is_a_plain_name(directories: Directories, cluster: str) -> None:
    refusal(directories, cluster=cluster)


def test_a_salt_is_not_empty(directories: Directories) -> None:
    refusal(directories, 'salt = ""')


def test_settings_cannot_be_changed(directories: Directories) -> None:
    settings = load(directories).settings
    with pytest.raises(ValueError, match="frozen"):
        settings.machine = "other"  # type: ignore[misc]


@pytest.mark.parametrize("content", [b"jobs = ", b"= 1", b"\xff", *DEEP])
def test_a_damaged_file_is_named(directories: Directories, content: bytes) -> None:
    directories.config.mkdir()
    directories.config_file.write_bytes(content)
    assert refusal(directories).startswith(f"config file {directories.config_file}: ")


def test_a_file_that_cannot_be_read_is_named_once(directories: Directories) -> None:
    directories.config_file.mkdir(parents=True)

    assert refusal(directories) == f"config file {directories.config_file}: Is a directory"


def test_a_file_that_cannot_be_read_needs_no_correction(program: Program) -> None:
    file = program.home / ".config/ccusage-import/config.toml"
    file.parent.mkdir(parents=True)
    file.symlink_to(file)

    done = program("config", "show")

    assert (done.exit_code, done.stdout) == (2, "")
    assert done.stderr == (
        f"ccusage-import: error: config file {file}: Too many levels of symbolic links\nhint: make it readable\n"
    )


@pytest.mark.parametrize(
    ("written", "why", "hint"),
    [
        (b"machine = ana", "Invalid value (at line 1, column 11)", "correct the file; texts stand in quotes"),
        ('machine = "Jörg"\n'.encode("latin-1"), "is not UTF-8", "save it in UTF-8"),
    ],
)
def test_a_file_that_is_no_toml_is_refused(directories: Directories, written: bytes, why: str, hint: str) -> None:
    directories.config.mkdir()
    directories.config_file.write_bytes(written)

    with pytest.raises(ConfigurationError) as caught:
        load_configuration({}, {}, identity=IDENTITY, directories=directories)

    assert str(caught.value) == f"config file {directories.config_file}: {why}"
    assert caught.value.hint == hint


def test_a_file_that_was_named_must_exist(directories: Directories, tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"^config file /.*/none\.toml: no such file$"):
        load_configuration({}, {}, identity=IDENTITY, directories=directories, config_file=tmp_path / "none.toml")


def test_a_setting_is_changed_in_the_file_and_the_rest_stays(program: Program) -> None:
    file = program.home / ".config/ccusage-import/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("# mine\njobs = 2  # few\n\n[budget]\nmonthly = 100\n")

    for name, value in (
        ("jobs", "3"),
        ("budget.monthly", "200"),
        ("budget.projects.shop.daily", "1.5"),
        ("machine", "ana's"),
    ):
        done = program("config", "set", name, value)
        assert (done.exit_code, done.stderr) == (0, "")

    assert file.read_text() == (
        '# mine\njobs = 3  # few\nmachine = "ana\'s"\n\n[budget]\nmonthly = 200\n\n'
        "[budget.projects.shop]\ndaily = 1.5\n"
    )
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_table_in_one_line_takes_another_one(program: Program) -> None:
    file = program.home / ".config/ccusage-import/config.toml"

    for name, value in (("budget", "{monthly = 100}"), ("budget.projects.shop.daily", "5"), ("budget.monthly", "200")):
        done = program("config", "set", name, value)
        assert (done.exit_code, done.stderr) == (0, "")

    assert len(file.read_text().splitlines()) == 1
    assert tomllib.loads(file.read_text()) == {"budget": {"monthly": 200, "projects": {"shop": {"daily": 5}}}}


def test_a_limit_is_set_under_a_name_with_dots(program: Program) -> None:
    file = program.home / ".config/ccusage-import/config.toml"

    for name in ("budget.models.Sonnet 4.5", 'budget.models."Opus 4.5".daily', "budget.projects.shop.example.monthly"):
        done = program("config", "set", name, "80")
        assert (done.exit_code, done.stderr) == (0, "")

    assert tomllib.loads(file.read_text()) == {
        "budget": {
            "models": {"Sonnet 4.5": 80, "Opus 4.5": {"daily": 80}},
            "projects": {"shop.example": {"monthly": 80}},
        }
    }


@pytest.mark.parametrize(
    ("name", "value", "complaint"),
    [
        ("jobs", "99", "jobs ({file}): Input should be less than or equal to 16"),
        ("jobs", "-3", "jobs ({file}): Input should be greater than or equal to 1"),
        ("nonsense", "1", "nonsense ({file}): unknown setting\nhint: correct what you typed, or {file}\n"),
        ("jobs.more", "1", "config set jobs.more: jobs is not a table"),
        (LATIN_1, "1", "config set pi\\udcf1a: is not UTF-8"),
        ("budget", f'{{projects = {{"{LATIN_1}" = 1}}}}', "config set budget: is not UTF-8"),
        ("currency", "EUR", "currency ({file}): Input should be a table, such as {{name = value}}"),
        ("plan", "20", "plan ({file}): Input should be a table, such as {{name = value}}"),
    ],
)
def test_a_value_that_cannot_be_used_does_not_get_into_the_file(
    program: Program, name: str, value: str, complaint: str
) -> None:
    file = program.home / ".config/ccusage-import/config.toml"
    file.parent.mkdir(parents=True)
    file.write_text("jobs = 2\n")
    done = program("config", "set", name, value)

    assert done.exit_code == 2
    assert complaint.format(file=file) in done.stderr
    assert file.read_text() == "jobs = 2\n"


def test_values_are_shown_as_they_are_set(program: Program) -> None:
    def shown(name: str) -> str:
        lines = program("config", "show", COLUMNS="200").stdout.splitlines()
        return (
            next(line for line in lines if line.startswith(f"{name} ")).removeprefix(name).rpartition("  ")[0].strip()
        )

    for name, value in (
        ("currency", '{code = "EUR", rate = "0.92"}'),
        ("agents", '["claude", "codex"]'),
        ("transcripts", "false"),
        ("jobs", "3"),
        ("machine", "ana's"),
        ("budget", '{projects = {shop = {daily = "5", monthly = "9.5"}}}'),
        ("notify", '[{type = "command", command = ["a", "b"]}, {type = "command", command = ["c"]}]'),
    ):
        assert program("config", "set", name, value).exit_code == 0
        assert shown(name) == value


def test_a_setting_that_a_variable_overrides_is_changed_with_a_warning(program: Program) -> None:
    file = program.home / ".config/ccusage-import/config.toml"
    done = program("config", "set", "timezone", "Europe/Berlin", CCUSAGE_IMPORT_TIMEZONE="UTC")
    assert (done.exit_code, done.stdout, file.read_text()) == (0, "", 'timezone = "Europe/Berlin"\n')
    assert done.stderr.splitlines() == [
        "ccusage-import: warning: timezone is set in the environment too, which wins over the file",
        "hint: ccusage-import config show",
    ]
    for setting, value in (("timezone", "Asia/Tokyo"), ("budget.monthly", "20"), ('budget.models."Opus 4.1"', "2")):
        done = program("config", "set", setting, value)
        assert (done.exit_code, done.stderr) == (0, "")


def test_a_variable_that_is_called_nearly_as_a_setting_is_warned_of(program: Program) -> None:
    variables = {"CCUSAGE_IMPORT_WAREHOSE": "chdb:///elsewhere", "CCUSAGE_IMPORT_EVENT": "failure", "WAREHOSE": "x"}
    done = program("config", "show", **variables)
    told = "ccusage-import: warning: CCUSAGE_IMPORT_WAREHOSE is not a setting; nearest: CCUSAGE_IMPORT_WAREHOUSE\n"
    assert (done.exit_code, done.stderr) == (0, told)
    assert program("config", "show").stderr == ""


def test_tables_in_the_environment_are_json(program: Program) -> None:
    targets = '[{"type": "slack", "url": "https://hooks.example/secret"}]'
    shown = program("config", "show", "--json", CCUSAGE_IMPORT_NOTIFY=targets, CCUSAGE_IMPORT_BUDGET='{"monthly": 200}')

    document = json.loads(shown.stdout)
    assert document["budget"]["value"] == {"monthly": "200"}
    assert document["notify"]["value"] == [{"type": "slack", "url": "**********"}]
    assert "secret" not in shown.stdout
    broken = program("config", "show", CCUSAGE_IMPORT_NOTIFY="slack")
    assert "notify (environment): is not a list of tables" in broken.stderr


def test_a_byte_order_mark_and_ends_of_lines_of_windows_are_read(program: Program) -> None:
    file = program.home / "config.toml"
    file.write_bytes(b'\xef\xbb\xbfmachine = "studio"\r\njobs = 2\r\n')

    assert program("config", "set", "jobs", "3", "--config", file).exit_code == 0

    shown = json.loads(program("config", "show", "--json", "--config", file).stdout)
    assert [shown[name]["value"] for name in ("machine", "jobs")] == ["studio", 3]


@pytest.mark.parametrize(
    "command",
    [
        ("config", "set", "hash_projects", "false"),
        ("init", "--warehouse", "embedded", "--names", "clear", "--schedule", "none", "--budget", "none", "--yes"),
    ],
    ids=["config set", "init"],
)
def test_a_link_to_the_file_stays(program: Program, command: tuple[str, ...]) -> None:
    kept, link = program.home / "dotfiles/ccusage.toml", program.home / ".config/ccusage-import/config.toml"
    for file in (kept, link):
        file.parent.mkdir(parents=True)
    kept.write_text("jobs = 2\n")
    link.symlink_to(kept)

    assert program(*command).exit_code == 0

    assert link.readlink() == kept
    assert {"jobs = 2", "hash_projects = false"} <= set(kept.read_text().splitlines())
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


@pytest.mark.parametrize("asked", [Directories.of_platform, lambda: home_of({})], ids=["directories", "home"])
def test_a_user_without_a_home_directory_is_told_to_set_it(
    asked: Callable[[], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(os, "getuid", lambda: 2**31 - 7)

    with pytest.raises(ConfigurationError) as caught:
        asked()

    assert str(caught.value) == "HOME is not set, and the system knows no home directory of this user"
    assert caught.value.hint == "set HOME"

"""One line selects the warehouse; no message repeats its password."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import EmbeddedWarehouse, ServerWarehouse, as_typed, parse_warehouse_url
from ccusage_import.exceptions import ConfigurationError
from tests.conftest import Program

FORMS = "use chdb:///path, clickhouse://user@host:8123/database or clickhouses://user@host:8443/database"


@pytest.mark.parametrize(
    ("url", "path", "database"),
    [
        ("chdb:///var/lib/usage", "/var/lib/usage", "ccusage"),
        ("  chdb:///var/lib/usage\n", "/var/lib/usage", "ccusage"),
        ("chdb:///var/my%20usage", "/var/my usage", "ccusage"),
        ("chdb:///var/lib/usage?database=tests_2", "/var/lib/usage", "tests_2"),
        ("CHDB:///var/lib/usage", "/var/lib/usage", "ccusage"),
    ],
)
def test_embedded(url: str, path: str, database: str) -> None:
    place = parse_warehouse_url(url)
    assert place == EmbeddedWarehouse(Path(path), database)
    assert parse_warehouse_url(str(place)) == place


@pytest.mark.parametrize("name", ["100%", "a%41b", "%25", "#1", "ä b", "%"])
def test_a_path_of_any_name_is_that_path(name: str) -> None:
    place = EmbeddedWarehouse(Path("/home", name, "warehouse"))
    assert parse_warehouse_url(str(place)) == place


def test_a_home_of_any_name_has_a_warehouse_below_it(program: Program) -> None:
    home = program.home / "50%41#1"
    home.mkdir()
    assert program("migrate", HOME=str(home)).exit_code == 0
    assert (home / ".local/share/ccusage-import/warehouse/store").is_dir()


def test_embedded_in_the_home_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert parse_warehouse_url("chdb://~/usage") == EmbeddedWarehouse(tmp_path / "usage")


def server(**changes: object) -> ServerWarehouse:
    values: dict[str, object] = {"host": "db", "port": 8123, "secure": False, "user": "default", **changes}
    return ServerWarehouse(**values)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("clickhouse://db", server()),
        ("clickhouse://db/", server()),
        ("clickhouses://db", server(port=8443, secure=True)),
        ("clickhouse://db:9000/usage", server(port=9000, database="usage")),
        ("clickhouse://ana@db", server(user="ana")),
        ("clickhouse://ana:s3cret@db", server(user="ana", password="s3cret")),
        ("clickhouse://ana%40home:p%2Fw%3A1%25@db", server(user="ana@home", password="p/w:1%")),
        (
            "clickhouses://[2001:db8::1]:8443/usage",
            server(host="2001:db8::1", port=8443, secure=True, database="usage"),
        ),
        ("clickhouses://db?verify=false", server(port=8443, secure=True, verify=False)),
        ("clickhouses://db?verify=TRUE", server(port=8443, secure=True)),
    ],
)
def test_server(url: str, expected: ServerWarehouse) -> None:
    assert parse_warehouse_url(url) == expected


def test_a_certificate_authority_is_a_file(tmp_path: Path) -> None:
    file = tmp_path / "ca.pem"
    file.touch()
    parsed = parse_warehouse_url(f"clickhouses://db?ca_cert={file}")
    assert parsed == server(port=8443, secure=True, ca_cert=file)
    with pytest.raises(ConfigurationError, match=r"^warehouse: ca_cert /nowhere/ca\.pem is not a file$"):
        parse_warehouse_url("clickhouses://db?ca_cert=/nowhere/ca.pem")


def test_what_a_hint_says_to_type_is_the_same_warehouse(tmp_path: Path) -> None:
    file = tmp_path / "a+b & c.pem"
    file.touch()
    for warehouse in (
        server(port=8443, secure=True, ca_cert=file, verify=False),
        EmbeddedWarehouse(Path("/it's my/warehouse"), "usage"),
    ):
        [word] = shlex.split(as_typed(warehouse))
        assert parse_warehouse_url(word) == warehouse
    assert as_typed(server(user="ana", password="s3cret")) == "clickhouse://ana@db:8123/ccusage"


def test_a_password_in_the_url_comes_before_another() -> None:
    assert parse_warehouse_url("clickhouse://ana:one@db", "two") == server(user="ana", password="one")
    assert parse_warehouse_url("clickhouse://ana@db", "two") == server(user="ana", password="two")


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("", "warehouse: unknown kind of address ''"),
        ("mysql://db/usage", "warehouse: unknown kind of address 'mysql://db/usage'"),
        ("/var/lib/usage", "warehouse: unknown kind of address '/var/lib/usage'"),
        ("chdb://usage", "warehouse: 'chdb://usage' names no absolute directory"),
        ("clickhouse://db:70000", "warehouse: 'clickhouse://db:70000' is not an address"),
        ("clickhouse://db:0", "warehouse: 'clickhouse://db:0' is not an address"),
    ],
)
def test_addresses_of_no_known_form(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_warehouse_url(url)
    assert str(caught.value) == message
    assert caught.value.hint == FORMS
    assert int(caught.value.exit_code) == 2


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("chdb://", "warehouse: 'chdb://' names no absolute directory"),
        ("chdb:///", "warehouse: 'chdb:///' names no absolute directory"),
        ("chdb://~no-such-user/a", "warehouse: 'chdb://~no-such-user/a' names no absolute directory"),
        ("chdb:///data/a%00b", "warehouse: 'chdb:///data/a%00b' names no absolute directory"),
        ("clickhouse://db?ca_cert=~no-such-user/a", "warehouse: ca_cert ~no-such-user/a is not a file"),
        ("chdb:///data/what%3Fever", "warehouse: the engine cannot open a path with a question mark: /data/what?ever"),
        ("chdb:///data/a#b", "warehouse: 'chdb:///data/a#b' has a #"),
        ("clickhouse:///usage", "warehouse: 'clickhouse:///usage' names no host"),
    ],
)
def test_addresses_are_repeated_as_given(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_warehouse_url(url)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("clickhouse://db/a-b", "warehouse: database 'a-b' is not a plain name"),
        ("clickhouse://db/a%60;DROP", "warehouse: database 'a`;DROP' is not a plain name"),
        ("chdb:///usage?database=1st", "warehouse: database '1st' is not a plain name"),
        ("clickhouse://db/%C3%BC", "warehouse: database 'ü' is not a plain name"),
        ("clickhouse://db?secure=1", "warehouse: unknown option 'secure'"),
        ("chdb:///usage?verify=false", "warehouse: unknown option 'verify'"),
        ("clickhouse://db?verify=no", "warehouse: verify=no is neither true nor false"),
    ],
)
def test_parts_that_cannot_be_used(url: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_warehouse_url(url)
    assert str(caught.value) == message
    assert caught.value.hint


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("chdb:///var/lib/usage", "chdb:///var/lib/usage"),
        ("clickhouse://ana:s3cret@db/usage", "clickhouse://ana@db:8123/usage"),
        ("clickhouses://ana%2F1:s3cret@[::1]", "clickhouses://ana%2F1@[::1]:8443/ccusage"),
    ],
)
def test_an_address_is_shown_without_its_password(url: str, shown: str) -> None:
    warehouse = parse_warehouse_url(url, "s3cret")
    assert str(warehouse) == shown
    assert "s3cret" not in repr(warehouse)


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ana:s3cret@db/usage",
        "clickhouse://ana:s3cret@",
        "clickhouse://:s3cret@db:70000",
        "clickhouse://ana:s3cret@db/a-b",
        "clickhouse://ana:s3cret@db?nope=1",
        "http://[ana:s3cret@db",
    ],
)
def test_no_message_repeats_the_password(url: str) -> None:
    assert_hidden(url)


# A password that was not written as a URL wants it, and addresses without the part in front of ://.
@pytest.mark.parametrize(
    "url",
    [
        "mysql://ana:p@s3cret@db/usage",
        "clickhouse://ana:p@s3cret@db:x",
        "clickhouse://ana:s3cret/more@db",
        "clickhouse://ana:s3cret?more@db",
        "clickhouse://ana:s3cret#more@db",
        "ana:s3cret@db:8123",
        "clickhouse:ana:s3cret@db",
        "chdb://ana:s3cret@db",
    ],
)
def test_no_message_repeats_a_password_that_is_not_encoded(url: str) -> None:
    assert_hidden(url)


@pytest.mark.parametrize(
    "password", ["2024#s3cret", "#s3cret", "2024/s3cret", "/s3cret", "2024?s3cret", "?s3cret", "2024?a#s3cret"]
)
def test_a_password_that_is_not_encoded_is_not_taken_for_host_and_port(password: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_warehouse_url(f"clickhouse://ana:{password}@db/usage")
    assert str(caught.value) == "warehouse: 'clickhouse://ana:***@db/usage' is not an address"
    assert caught.value.hint == "write %23 for #, %2F for / and %3F for ? in a password"


def assert_hidden(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        parse_warehouse_url(url)
    assert "s3cret" not in f"{caught.value} {caught.value.hint}"

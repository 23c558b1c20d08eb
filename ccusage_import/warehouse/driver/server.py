"""Opens a server over HTTP, and sends nothing to where it was not meant for."""

from __future__ import annotations

import importlib
import re
import sys
import zlib
from base64 import b64encode
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, urljoin, urlsplit

from ccusage_import.config.warehouse_url import ServerWarehouse, Warehouse
from ccusage_import.exceptions import ConfigurationError, QueryError, ServerTooOldError, WarehouseUnreachableError
from ccusage_import.warehouse.driver.errors import translate, unreachable
from ccusage_import.warehouse.driver.loading import load_driver

if TYPE_CHECKING:
    from clickhouse_connect.driver.client import Client

# The oldest release on which replacement, views and settings used here were seen to work.
OLDEST_SERVER = (25, 8)
CONNECT_TIMEOUT_SECONDS = 10


def open_server(warehouse: ServerWarehouse, settings: Mapping[str, Any]) -> Client:
    """Return a client of a server.

    Raises:
        WarehouseError: one of its subclasses says what to do.
    """
    driver = load_driver()
    if not warehouse.verify:
        # Otherwise every request warns; whoever wrote verify=false knows.
        importlib.import_module("urllib3").disable_warnings()
    try:
        with _driver_settings():
            client: Client = driver.get_client(
                host=warehouse.host,
                port=warehouse.port,
                username=warehouse.user,
                password=warehouse.password,
                interface="https" if warehouse.secure else "http",
                connect_timeout=CONNECT_TIMEOUT_SECONDS,
                autogenerate_session_id=False,
                client_name="ccusage-import",
                settings=dict(settings),
                pool_mgr=_pool(warehouse),
            )
    except driver.driver.exceptions.Error as error:
        translated = translate(error, warehouse)
        if type(translated) is QueryError and (version := _ask_version(warehouse)):
            raise _too_old(warehouse, version) from None
        raise translated from None
    if _numbers(version := str(client.server_version)) < OLDEST_SERVER:
        client.close()
        raise _too_old(warehouse, version)
    return client


def send_always(client: Client, settings: Mapping[str, Any]) -> None:
    """Send settings with every question, and let the server judge them.

    Where a user may only read, the driver refuses all of them, also those of formats, which `serve` takes.
    """
    http: Any = client
    http.params.update({name: str(value) for name, value in settings.items()})


@contextmanager
def _driver_settings() -> Iterator[None]:
    """Set what the driver takes for the whole process, only while a client is made."""
    common = importlib.import_module("clickhouse_connect.common")
    # A request less: with a version of the protocol columns of few values travel shorter, which is not needed. And the
    # name of whoever runs this is nobody's business: a server writes the User-Agent into its log of queries.
    names = ("use_protocol_version", "send_os_user")
    before = {name: common.get_setting(name) for name in names}
    try:
        for name in names:
            common.set_setting(name, value=False)
        yield
    finally:
        for name, value in before.items():
            common.set_setting(name, value)


def _too_old(warehouse: Warehouse, version: str) -> ServerTooOldError:
    needed = ".".join(map(str, OLDEST_SERVER))
    return ServerTooOldError(
        f"warehouse {warehouse}: ClickHouse {version} is too old", hint=f"use ClickHouse {needed} or newer"
    )


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:2])


@cache
def _pool(warehouse: ServerWarehouse) -> Any:
    """Return the connections of this process to a server: no request goes where an answer points to."""
    httputil = importlib.import_module("clickhouse_connect.driver.httputil")
    scheme = "https" if warehouse.secure else "http"
    proxy = _proxy_options(scheme, httputil.check_env_proxy(scheme, warehouse.host, warehouse.port) or "")
    ca_cert = str(warehouse.ca_cert) if warehouse.ca_cert else None
    pool = httputil.get_pool_manager(verify=warehouse.verify, ca_cert=ca_cert, **proxy)
    send = pool.urlopen

    def send_there_alone(method: str, url: str, **options: Any) -> Any:
        answer = send(method, url, **{**options, "redirect": False})
        if location := answer.get_redirect_location():
            answer.close()
            raise _redirected(warehouse, urljoin(url, location))
        # Every answer of ClickHouse says what it is of. One without headers was cut off, which the driver tells.
        if answer.status < 300 and answer.headers and not any(_is_of_clickhouse(name) for name in answer.headers):
            answer.close()
            raise unreachable(f"warehouse {warehouse}", f"HTTP status {answer.status}, but not from ClickHouse")
        if answer.status < 300 and not options.get("preload_content", True):
            _demand_whole(answer)
        return answer

    pool.urlopen = send_there_alone
    return pool


def _demand_whole(answer: Any) -> None:
    """Decode a compressed answer here, and let one that was cut off be an error.

    A proxy that speaks HTTP/1.0 with the server cannot tell that an answer was not whole, and the driver takes what is
    left of it for all there is.
    """
    encoding = answer.headers.get("content-encoding")
    if encoding not in ("lz4", "zstd", "gzip", "deflate"):
        return
    del answer.headers["content-encoding"]
    encoded = answer.stream
    broken = importlib.import_module("urllib3").exceptions.ProtocolError

    def decoded(amount: int, *_: object) -> Iterator[bytes]:
        decoder = None
        for chunk in encoded(amount, decode_content=False):
            data = chunk
            while data:
                decoder = _decoder(encoding) if decoder is None or decoder.eof else decoder
                # The driver takes an empty piece for the end.
                if piece := decoder.decompress(data):
                    yield piece
                data = decoder.unused_data
        if decoder is not None and not decoder.eof:
            raise broken("the answer was cut off")

    answer.stream = decoded


def _decoder(encoding: str) -> Any:
    if encoding == "lz4":
        return importlib.import_module("lz4.frame").LZ4FrameDecompressor()
    if encoding == "zstd":
        name = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
        return importlib.import_module(name).ZstdDecompressor()
    # Of gzip or of zlib, as it begins.
    return zlib.decompressobj(wbits=47)


def _proxy_options(scheme: str, proxy: str) -> dict[str, Any]:
    """Return how a proxy is used, with the user and password of its address, which urllib3 leaves out."""
    if not proxy:
        return {}
    address = proxy if "://" in proxy else f"http://{proxy}"
    urllib3 = importlib.import_module("urllib3")
    try:
        parsed = urllib3.util.parse_url(address)
    except urllib3.exceptions.LocationParseError:
        parsed = urllib3.util.Url()
    if parsed.scheme not in ("http", "https"):
        # Without the value: it may be a secret.
        hint = "correct or unset it; no_proxy=HOST goes round the proxy"
        raise ConfigurationError(f"{scheme}_proxy: is not the address of an HTTP proxy", hint=hint)
    headers = {"Proxy-Authorization": _basic(unquote(parsed.auth))} if parsed.auth else None
    return {f"{scheme}_proxy": address, "proxy_headers": headers}


def _basic(user_and_password: str) -> str:
    """Return the value of a header; by itself one holds no characters but those of Latin-1."""
    return f"Basic {b64encode(user_and_password.encode()).decode()}"


def _is_of_clickhouse(header: str) -> bool:
    return header.lower().startswith("x-clickhouse-")


def _redirected(warehouse: ServerWarehouse, location: str) -> WarehouseUnreachableError:
    parts = urlsplit(location)
    # Without a user, a password and a query, which may be a secret.
    host = parts.netloc.rpartition("@")[2]
    scheme = "clickhouses" if parts.scheme == "https" else "clickhouse"
    return WarehouseUnreachableError(
        f"warehouse {warehouse}: answers with a redirect to {parts.scheme}://{host}{parts.path}, which is not followed",
        hint=f"if that is the server, name it with its port: {scheme}://{host}/{warehouse.database}",
    )


def _ask_version(warehouse: ServerWarehouse) -> str | None:
    """Ask a server that the driver cannot talk to for its version."""
    scheme = "https" if warehouse.secure else "http"
    host = f"[{warehouse.host}]" if ":" in warehouse.host else warehouse.host
    broken = importlib.import_module("urllib3").exceptions.HTTPError
    try:
        answer = _pool(warehouse).request(
            "GET",
            f"{scheme}://{host}:{warehouse.port}/?query=SELECT%20version()",
            headers={"Authorization": _basic(f"{warehouse.user}:{warehouse.password}")},
            timeout=CONNECT_TIMEOUT_SECONDS,
        )
    except (broken, WarehouseUnreachableError):
        return None
    version = answer.data[:100].decode("utf-8", "replace").strip()
    return version if re.fullmatch(r"\d+\.\d+[\d.]*", version) and _numbers(version) < OLDEST_SERVER else None

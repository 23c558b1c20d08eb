"""One short HTTP request to somebody who is notified of an import."""

from __future__ import annotations

import ssl
from base64 import b64encode
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future
from functools import partial
from http.client import HTTPException
from importlib import import_module
from threading import Thread
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from pydantic import SecretStr

from ccusage_import.exceptions import AnnouncementError

# Whoever is notified answers at once or is not worth the wait: an import must not hang on it.
LIMIT_SECONDS = 10.0
CONNECT_SECONDS = 3.0
RETRIES = 2
TRANSIENT_STATUS = (408, 425, 429, 500, 502, 503, 504)


def call(
    what: str,
    method: str,
    url: SecretStr,
    body: bytes = b"",
    headers: Mapping[str, str] | None = None,
    *,
    limit_seconds: float = LIMIT_SECONDS,
    retries: int = RETRIES,
) -> None:
    """Send one request; again where it did not arrive or the answer says that the failure may pass.

    A request that arrived and got no answer is not repeated. Redirects are not followed: what is sent is for the
    configured address alone. A proxy of the environment is used.

    Args:
        what: names the receiver in an error; the address may be a secret and is never shown.
        method: GET, POST or PUT.
        url: where to; `user:password@` in it becomes an Authorization header.
        body: what to send.
        headers: of the request; the user agent is set here.
        limit_seconds: longest time that all of it may take.
        retries: how often to try again.

    Raises:
        AnnouncementError: no answer in time, or not a good one.
    """
    address, authorization = _without_userinfo(url.get_secret_value())
    all_headers = {"User-Agent": "ccusage-import", **authorization, **(headers or {})}
    send = partial(_send, method, address, body, all_headers, limit_seconds, retries)
    try:
        status = _within(limit_seconds, send)
    except TimeoutError:
        problem = "no answer: timed out"
    except ConnectionError as error:
        problem = f"no answer: {error}"
    else:
        if status < 300:
            return
        problem = f"answered {status}" + (", and redirects are not followed" if status < 400 else "")
    raise AnnouncementError(f"{what}: {problem}", hint=f"check the address of the {what} in the configuration")


def _within(seconds: float, ask: Callable[[], int]) -> int:
    """Return what `ask` returns, or raise TimeoutError; name servers and answers that drip know no other limit."""
    answer = Future[int]()

    def work() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001 - raised again by whoever waits
            answer.set_exception(error)

    Thread(target=work, daemon=True).start()
    return answer.result(seconds)


def _send(
    method: str, address: str, body: bytes, headers: Mapping[str, str], limit_seconds: float, retries: int
) -> int:
    """Return the status of the answer, whose body is not read, or raise ConnectionError without the address."""
    urllib3: Any = import_module("urllib3")
    policy = urllib3.Retry(
        total=retries,
        read=False,
        redirect=False,
        backoff_factor=0.5,
        status_forcelist=TRANSIENT_STATUS,
        allowed_methods=None,
        # A server may not keep an import waiting.
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    timeout = urllib3.Timeout(connect=CONNECT_SECONDS, read=limit_seconds)
    try:
        with _pool(urllib3, address, timeout=timeout, retries=policy) as pool:
            answer = pool.request(method, address, body=body, headers=headers, redirect=False, preload_content=False)
            answer.close()
    except (urllib3.exceptions.HTTPError, ValueError) as error:
        raise ConnectionError(_reason(error)) from None
    return int(answer.status)


def _pool(urllib3: Any, address: str, **options: Any) -> Any:
    """Return a pool that goes through the proxy which the environment names for this address."""
    parts = urlsplit(address)
    proxy = getproxies().get(parts.scheme)
    if not proxy or proxy_bypass(parts.hostname or ""):
        return urllib3.PoolManager(**options)
    proxy, authorization = _without_userinfo(proxy if "://" in proxy else f"http://{proxy}")
    proxy_headers = {f"Proxy-{name}": value for name, value in authorization.items()}
    return urllib3.ProxyManager(proxy, proxy_headers=proxy_headers, **options)


def _without_userinfo(url: str) -> tuple[str, dict[str, str]]:
    parts = urlsplit(url)
    userinfo, _, host = parts.netloc.rpartition("@")
    if not userinfo:
        return url, {}
    basic = b64encode(unquote(userinfo).encode()).decode()
    return urlunsplit(parts._replace(netloc=host)), {"Authorization": f"Basic {basic}"}


def _reason(error: BaseException) -> str:
    """Return what went wrong without the address, which urllib3 puts into every message."""
    for cause in _causes(error):
        if isinstance(cause, ssl.SSLError):
            return f"TLS: {cause.reason.replace('_', ' ').lower()}"
        if isinstance(cause, TimeoutError):
            return "timed out"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
        if isinstance(cause, ConnectionError):
            return "the connection was closed"
        if isinstance(cause, HTTPException):
            return "that is not an HTTP server"
    return "the address or the proxy cannot be used"


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__

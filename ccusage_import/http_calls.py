"""The only home of urllib3: one short HTTP request to somebody who is told of an import."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from importlib import import_module
from typing import Any
from urllib.parse import unquote, urlsplit

from pydantic import SecretStr

from ccusage_import.exceptions import AnnouncementError

# Those who are told answer at once or are not worth the wait: an import must not hang on them.
TIMEOUT_SECONDS = 5.0
RETRIES = 2
PASSING_STATUS = (408, 425, 429, 500, 502, 503, 504)


def call(what: str, method: str, url: SecretStr, body: bytes = b"", headers: Mapping[str, str] | None = None) -> None:
    """Send one request, again where the failure may pass.

    Args:
        what: names the receiver in an error; the address may be a secret and is never shown.
        method: GET, POST or PUT.
        url: where to; a user and password in it are sent as basic authentication.
        body: what to send.
        headers: of the request; the user agent is set here.

    Raises:
        AnnouncementError: no answer, or not a good one.
    """
    urllib3: Any = import_module("urllib3")
    retries = urllib3.Retry(
        total=RETRIES,
        backoff_factor=0.5,
        status_forcelist=PASSING_STATUS,
        allowed_methods=None,
        # A server may not keep an import waiting.
        respect_retry_after_header=False,
        raise_on_status=False,
    )
    with urllib3.PoolManager(timeout=urllib3.Timeout(TIMEOUT_SECONDS), retries=retries) as pool:
        try:
            answer = pool.request(
                method,
                url.get_secret_value(),
                body=body,
                headers={"User-Agent": "ccusage-import", **_authorization(url), **(headers or {})},
            )
        except urllib3.exceptions.HTTPError as error:
            raise AnnouncementError(f"{what}: no answer: {_reason(error)}", hint=_hint(what)) from None
    if answer.status >= 300:
        raise AnnouncementError(f"{what}: answered {answer.status}", hint=_hint(what))


def _authorization(url: SecretStr) -> dict[str, str]:
    """Return the header for the user and password of an address, which urllib3 leaves out."""
    userinfo = urlsplit(url.get_secret_value()).netloc.rpartition("@")[0]
    return {"Authorization": f"Basic {b64encode(unquote(userinfo).encode()).decode()}"} if userinfo else {}


def _hint(what: str) -> str:
    return f"check the address of the {what} in the configuration"


def _reason(error: Any) -> str:
    """Return what went wrong without the address, which urllib3 puts into every message."""
    cause = getattr(error, "reason", None) or error
    number = getattr(cause, "__cause__", None)
    if isinstance(number, OSError) and number.strerror:
        return number.strerror.lower()
    return type(cause).__name__.removesuffix("Error").lower()

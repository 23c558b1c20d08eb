"""One request to those who are told: repeated where that helps, bounded in time, silent about the address."""

from __future__ import annotations

import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pydantic import SecretStr

from ccusage_import.exceptions import AnnouncementError
from ccusage_import.monitoring.http_calls import call
from tests.support.receiver import Answer, Receiver, running_receiver


def refusal(url: str, *, limit_seconds: float = 10) -> str:
    with pytest.raises(AnnouncementError) as caught:
        call("pushgateway", "PUT", SecretStr(url), b"x 1\n", limit_seconds=limit_seconds)
    assert caught.value.hint == "check the address of the pushgateway in the configuration"
    return str(caught.value)


def test_a_request_arrives_as_it_is(receiver: Receiver) -> None:
    call("pushgateway", "PUT", SecretStr(f"{receiver.url}?a=b%20c"), b"x 1\n", {"Content-Type": "text/plain"})

    [request] = receiver.requests
    assert (request.method, request.path, request.body) == ("PUT", "/hooks/T0P-SECRET?a=b%20c", b"x 1\n")
    assert request.headers["User-Agent"] == "ccusage-import"
    assert request.headers["Content-Type"] == "text/plain"
    assert "Authorization" not in request.headers


def test_user_and_password_of_the_address_are_sent_as_a_header(receiver: Receiver) -> None:
    call("pushgateway", "POST", SecretStr(f"http://ana:p%40ss%3Aw%C3%B6rd@127.0.0.1:{receiver.port}/metrics"))

    [request] = receiver.requests
    # printf 'ana:p@ss:wörd' | base64
    assert request.headers["Authorization"] == "Basic YW5hOnBAc3M6d8O2cmQ="
    assert request.headers["Host"] == f"127.0.0.1:{receiver.port}"


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504])
def test_a_failure_that_may_pass_is_tried_again(receiver: Receiver, status: Answer) -> None:
    receiver.answers = [status]

    call("pushgateway", "POST", SecretStr(receiver.url), b"hello")

    assert [request.body for request in receiver.requests] == [b"hello", b"hello"]


@pytest.mark.parametrize(
    ("answer", "requests", "reason"),
    [
        (503, 3, "answered 503"),
        (400, 1, "answered 400"),
        (404, 1, "answered 404"),
        (302, 1, "answered 302, and redirects are not followed"),
        ("close", 1, "no answer: the connection was closed"),
        ("garbage", 1, "no answer: that is not an HTTP server"),
    ],
)
def test_why_it_was_not_taken(receiver: Receiver, answer: Answer, requests: int, reason: str) -> None:
    receiver.always = answer

    assert refusal(receiver.url) == f"pushgateway: {reason}"
    assert [request.path for request in receiver.requests] == ["/hooks/T0P-SECRET"] * requests


@pytest.mark.parametrize("answer", ["hang", "drip"])
def test_who_hangs_is_given_up(receiver: Receiver, answer: Answer) -> None:
    receiver.always = answer
    begun = time.monotonic()

    assert refusal(receiver.url, limit_seconds=0.5) == "pushgateway: no answer: timed out"
    assert time.monotonic() - begun < 10
    assert len(receiver.requests) == 1


def test_nobody_there() -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert refusal(f"http://127.0.0.1:{port}/T0P-SECRET") == "pushgateway: no answer: connection refused"


def test_an_address_that_only_looks_like_one() -> None:
    assert refusal("http://..SECRET/x") == "pushgateway: no answer: the address or the proxy cannot be used"


# --- between here and there -----------------------------------------------------------------------------


def test_the_proxy_of_the_environment_is_used(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", f"http://ana:secret@127.0.0.1:{receiver.port}")

    call("pushgateway", "POST", SecretStr("http://hooks.example:8080/T0P-SECRET"), b"hello")

    [request] = receiver.requests
    assert request.path == "http://hooks.example:8080/T0P-SECRET"
    assert request.headers["Host"] == "hooks.example:8080"
    assert request.headers["Proxy-Authorization"] == "Basic YW5hOnNlY3JldA=="


@pytest.mark.parametrize(
    ("proxy", "reason"),
    [
        ("127.0.0.1:9", "connection refused"),
        ("socks5://T0P-SECRET@127.0.0.1:9", "the address or the proxy cannot be used"),
        ("http://[T0P-SECRET", "the address or the proxy cannot be used"),
    ],
)
def test_a_proxy_that_cannot_be_used(monkeypatch: pytest.MonkeyPatch, proxy: str, reason: str) -> None:
    monkeypatch.setenv("http_proxy", proxy)

    assert refusal("http://hooks.example/T0P-SECRET") == f"pushgateway: no answer: {reason}"


def test_who_is_exempt_from_the_proxy_is_called_directly(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setenv("no_proxy", "localhost,127.0.0.1")

    call("pushgateway", "POST", SecretStr(receiver.url), b"hello")

    assert [request.path for request in receiver.requests] == ["/hooks/T0P-SECRET"]


@pytest.fixture
def tls_receiver(tmp_path: Path) -> Iterator[tuple[Receiver, Path]]:
    """A receiver behind TLS, and its self-signed certificate."""
    key, certificate = tmp_path / "key", tmp_path / "certificate"
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate,
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with running_receiver(context) as running:
        yield running, certificate


def test_certificates_are_verified(tls_receiver: tuple[Receiver, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    receiver, certificate = tls_receiver
    url = receiver.url.replace("http:", "https:")

    assert refusal(url) == "pushgateway: no answer: TLS: certificate verify failed"
    assert refusal(receiver.url).startswith("pushgateway: no answer: ")
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    call("pushgateway", "POST", SecretStr(url), b"hello")

    assert [request.body for request in receiver.requests] == [b"hello"]

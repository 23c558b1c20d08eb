"""HTTPS to a warehouse: certificates are verified unless a person says otherwise."""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from ccusage_import.config.warehouse_url import parse_warehouse_url
from ccusage_import.exceptions import DatabaseMissingError, WarehouseUnreachableError
from ccusage_import.warehouse.clickhouse_client import open_warehouse
from tests.support.gateway.running import Gateway


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one PEM file."""
    folder = tmp_path_factory.mktemp("certificate")
    subprocess.run(
        [
            "openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
            "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", folder / "key", "-out", folder / "certificate",
        ],
        check=True,
        capture_output=True,
    )  # fmt: skip
    (folder / "both.pem").write_text((folder / "key").read_text() + (folder / "certificate").read_text())
    return folder / "both.pem"


@contextlib.contextmanager
def tls_in_front_of(gateway: Gateway, certificate: Path) -> Iterator[int]:
    """Yield a port that speaks TLS and passes everything on to the gateway."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=_accept, args=(listener, context, gateway.port), daemon=True).start()
        yield listener.getsockname()[1]


def _accept(listener: socket.socket, context: ssl.SSLContext, port: int) -> None:
    while True:
        try:
            plain, _ = listener.accept()
        except OSError:
            return
        with contextlib.suppress(OSError):
            outside = context.wrap_socket(plain, server_side=True)
            inside = socket.create_connection(("127.0.0.1", port))
            for source, sink in ((outside, inside), (inside, outside)):
                threading.Thread(target=_pass_on, args=(source, sink), daemon=True).start()


def _pass_on(source: socket.socket, sink: socket.socket) -> None:
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with contextlib.suppress(OSError):
        sink.close()


def test_certificates_are_verified_by_default(gateway: Gateway, certificate: Path) -> None:
    with tls_in_front_of(gateway, certificate) as port:
        with pytest.raises(WarehouseUnreachableError) as unknown:
            _ask(f"clickhouses://127.0.0.1:{port}/default")
        with pytest.raises(WarehouseUnreachableError) as misnamed:
            _ask(f"clickhouses://localhost:{port}/default?ca_cert={certificate}")
        with pytest.raises(WarehouseUnreachableError) as none:
            _ask(f"clickhouses://127.0.0.1:{port}/default?ca_cert={__file__}")
        assert _ask(f"clickhouses://127.0.0.1:{port}/default?ca_cert={certificate}") == 1
        assert _ask(f"clickhouses://127.0.0.1:{port}/default?verify=false") == 1

    said = [str(raised.value).partition(": no answer: ")[2] for raised in (unknown, misnamed, none)]
    assert said == [
        "certificate verify failed: self-signed certificate",
        "certificate verify failed: Hostname mismatch, certificate is not valid for 'localhost'",
        "no certificate or crl found",
    ]
    hint = "name the host as its certificate does; for an authority of your own add ?ca_cert=/path/to/ca.pem to the"
    assert {raised.value.hint for raised in (unknown, misnamed, none)} == {f"{hint} address"}


def test_a_hint_names_the_certificate_too(gateway: Gateway, certificate: Path, tmp_path: Path) -> None:
    authority = tmp_path / "its authority.pem"
    authority.write_bytes(certificate.read_bytes())
    hints = []
    with tls_in_front_of(gateway, certificate) as port:
        for option in (f"ca_cert={authority}", "verify=false"):
            with pytest.raises(DatabaseMissingError) as missing:
                _ask(f"clickhouses://127.0.0.1:{port}/elsewhere?{option}")
            hints.append(missing.value.hint)

    command = f"ccusage-import migrate --create-database --warehouse 'clickhouses://default@127.0.0.1:{port}/elsewhere"
    assert hints == [f"{command}?ca_cert={tmp_path}/its+authority.pem'", f"{command}?verify=false'"]


def _ask(url: str) -> int:
    with open_warehouse(parse_warehouse_url(url)) as opened:
        return int(opened.rows("SELECT 1")[0][0])

"""How clients speak: parameters, credentials, bodies and their encodings."""

from __future__ import annotations

import base64
import gzip
import re
import sys
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from email.message import Message
from importlib import import_module
from io import BufferedIOBase
from typing import Any
from urllib.parse import parse_qsl

from tests.support.gateway.answers import DisconnectError, ServerError

ZSTD = "compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd"
# What the HTTP interface takes for itself; every other URL parameter is a setting of the query.
TRANSPORT_PARAMETERS = re.compile(
    "query|user|password|database|default_format|query_id|quota_key|role|stacktrace|compress|decompress|buffer_size"
    "|session_id|session_timeout|session_check|close_session|wait_end_of_query|client_protocol_version|param_.*"
)


@dataclass(frozen=True)
class Request:
    method: str
    params: dict[str, str]
    headers: Message
    text: bytes

    def credentials(self) -> tuple[str, str]:
        kind, _, token = self.headers.get("Authorization", "").partition(" ")
        if "X-ClickHouse-User" in self.headers:
            return self.headers["X-ClickHouse-User"], self.headers.get("X-ClickHouse-Key", "")
        if kind.lower() == "basic":
            name, _, password = base64.b64decode(token).decode().partition(":")
            return name, password
        return self.params.get("user", "default"), self.params.get("password", "")

    def settings(self) -> dict[str, str]:
        named = {name: value for name, value in self.params.items() if not TRANSPORT_PARAMETERS.fullmatch(name)}
        return dict(sorted(named.items(), key=lambda item: item[0] == "readonly"))  # it forbids what comes after it

    @property
    def database(self) -> str:
        return self.params.get("database") or self.headers.get("X-ClickHouse-Database") or "default"

    def bound_values(self) -> dict[str, str]:
        return {k.removeprefix("param_"): v for k, v in self.params.items() if k.startswith("param_")}


def decode_body(data: bytes, encoding: str) -> bytes:
    """Every frame complete and nothing after the last: an aborted insert ends in plain text."""
    decoders: dict[str, tuple[Callable[[], Any], int, str]] = {
        "gzip": (lambda: zlib.decompressobj(31), 354, "ZLIB_INFLATE_FAILED"),
        "deflate": (zlib.decompressobj, 354, "ZLIB_INFLATE_FAILED"),
        "lz4": (lambda: import_module("lz4.frame").LZ4FrameDecompressor(), 618, "LZ4_DECODER_FAILED"),
        "zstd": (lambda: import_module(ZSTD).ZstdDecompressor(), 561, "ZSTD_DECODER_FAILED"),
    }
    if encoding in ("", "identity"):
        return data
    if encoding not in decoders:
        raise ServerError(48, "NOT_IMPLEMENTED", f"Unknown content-encoding {encoding}")
    make, code, name = decoders[encoding]
    decoded = []
    while data:
        decoder = make()
        try:
            decoded.append(decoder.decompress(data))
        except (zlib.error, RuntimeError, import_module(ZSTD).ZstdError) as error:
            raise ServerError(code, name, f"{encoding} decoding failed: {error}") from error
        if not decoder.eof:
            raise ServerError(code, name, f"{encoding} decoding failed: the last frame is cut")
        data = decoder.unused_data or b""
    return b"".join(decoded)


def encode_body(data: bytes, accepted: str) -> tuple[bytes, str]:
    encoders: dict[str, Callable[[bytes], bytes]] = {
        "lz4": lambda plain: bytes(import_module("lz4.frame").compress(plain)),
        "zstd": lambda plain: bytes(import_module(ZSTD).compress(plain)),
        "gzip": lambda plain: gzip.compress(plain, 1),
        "deflate": lambda plain: zlib.compress(plain, 1),
    }
    names = {name.partition(";")[0].strip() for name in accepted.split(",")}
    for name, encode in encoders.items():
        if data and name in names:
            return encode(data), name
    return data, ""


def form_fields(content_type: str, body: bytes) -> dict[str, str]:
    found = re.search(r'boundary="?([^";]+)', content_type)
    if not found:
        raise ServerError(36, "BAD_ARGUMENTS", "multipart/form-data without a boundary")
    fields = {}
    for part in (b"\r\n" + body).split(b"\r\n--" + found[1].encode())[1:-1]:
        head, _, value = part.partition(b"\r\n\r\n")
        name = re.search(rb'[ ;]name="([^"]*)"', head)
        if not name or b"filename=" in head:
            raise ServerError(48, "NOT_IMPLEMENTED", "The gateway does not implement external data")
        fields[name[1].decode()] = value.decode(errors="surrogateescape")
    return fields


def read_body(headers: Message, stream: BufferedIOBase) -> bytes:
    if headers.get("Transfer-Encoding", "").lower() != "chunked":
        length = int(headers.get("Content-Length", 0))
        body = stream.read(length)
        if len(body) < length:
            raise DisconnectError
        return body
    chunks: list[bytes] = []
    while True:
        line = stream.readline().partition(b";")[0].strip()
        if not re.fullmatch(rb"[0-9a-fA-F]+", line):
            raise DisconnectError
        size = int(line, 16)
        chunk = stream.read(size)
        if len(chunk) < size or stream.readline() != b"\r\n":  # of trailers nobody sends any
            raise DisconnectError
        if not size:
            return b"".join(chunks)
        chunks.append(chunk)


def read_request(method: str, query: str, headers: Message, body: bytes) -> Request:
    params = dict(parse_qsl(query, keep_blank_values=True, errors="surrogateescape"))
    for name in ("compress", "decompress"):
        if params.get(name, "0") not in ("0", ""):
            raise ServerError(48, "NOT_IMPLEMENTED", f"The gateway does not implement {name}=1")
    body = decode_body(body, headers.get("Content-Encoding", "").lower())
    content_type = headers.get("Content-Type", "")
    if content_type.startswith("multipart/form-data"):
        params.update(form_fields(content_type, body))
        body = b""
    url_query = params.get("query", "").encode(errors="surrogateescape")
    return Request(method, params, headers, url_query + (b"\n" if url_query else b"") + body)

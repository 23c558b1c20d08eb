"""What a statement is: its verb, its formats and settings, and the data of an INSERT that stands behind it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from tests.support.gateway.answers import ServerError

TOKEN = re.compile(
    rb"""(?P<trivia>\s+|--[^\n]*|\#[\ !][^\n]*|/\*.*?\*/)
    |'(?:[^'\\]++|\\.|'')*+' | "(?:[^"\\]++|\\.|"")*+" | `(?:[^`\\]++|\\.|``)*+`
    |(?P<heredoc>\$\w*\$).*?(?P=heredoc) | \w+ | .""",
    re.DOTALL | re.VERBOSE,
)
READS = re.compile(
    r"[\s(]*(SELECT|FROM|SHOW|DESCRIBE|DESC|EXISTS|EXPLAIN|WITH\b(?!.*\bINSERT\s+INTO\b))\b", re.IGNORECASE | re.DOTALL
)
FORBIDDEN = (
    ("INTO OUTFILE", 358, "INTO_OUTFILE_NOT_ALLOWED", "INTO OUTFILE is not allowed"),
    ("FROM INFILE", 78, "UNKNOWN_TYPE_OF_QUERY", "Query has infile and was send directly to server."),
    # The engine would insert nothing and say nothing.
    ("FROM INPUT (", 48, "NOT_IMPLEMENTED", "The gateway does not implement the function input()"),
)


@dataclass(frozen=True)
class Statement:
    verb: str
    sql: bytes
    output_format: str | None = None
    insert_format: str | None = None
    settings: bytes = b""
    data: bytes = b""


def top_level_tokens(text: bytes) -> Iterator[re.Match[bytes]]:
    """The tokens outside of brackets and comments, up to the semicolon; refuses what follows that."""
    depth = 0
    ended_at = -1
    for token in TOKEN.finditer(text):
        if token["trivia"]:
            continue
        if ended_at >= 0:
            rest = text[ended_at : ended_at + 60].decode(errors="replace")
            position = f"failed at position {ended_at + 1} (end of query): {rest}. "
            raise ServerError(62, "SYNTAX_ERROR", f"Syntax error (Multi-statements are not allowed): {position}")
        if token[0] == b";":
            ended_at = token.start()
            continue
        depth -= token[0] in (b")", b"]", b"}")
        if depth <= 0:
            yield token
        depth += token[0] in (b"(", b"[", b"{")


def parse_statement(text: bytes) -> Statement:
    tokens: list[re.Match[bytes]] = []
    words: list[str] = []
    data_may_follow = True
    for token in top_level_tokens(text):
        tokens.append(token)
        words.append(token[0].decode(errors="replace").upper())
        data_may_follow &= words[0] == "INSERT" and words[-1] not in ("SELECT", "WITH", "INFILE")
        if data_may_follow and (insert := insert_with_data(tokens, words)):
            return insert
    if not tokens:
        raise ServerError(62, "SYNTAX_ERROR", "Syntax error: failed at position 1 (end of query): . Expected a query")
    for phrase, code, name, reason in FORBIDDEN:
        if phrase in " ".join(words):
            raise ServerError(code, name, reason)
    for at, word in enumerate(words[:-1]):
        if word == "FORMAT" and words[at + 2 : at + 3] in ([], ["SETTINGS"]):
            return Statement(words[0], text[: tokens[-1].end()], output_format=tokens[at + 1][0].decode())
    return Statement(words[0], text[: tokens[-1].end()])


def insert_with_data(tokens: Sequence[re.Match[bytes]], words: Sequence[str]) -> Statement | None:
    """The INSERT, if the last of these tokens is the one before its data."""
    text = tokens[-1].string
    if words[-1] == "VALUES" and words[-2] not in ("INTO", "TABLE", ".", "FORMAT"):
        name, clause = "Values", tokens[-1]
    elif words[-2:-1] == ["FORMAT"] and words[-3] not in ("INTO", "TABLE", "."):
        name, clause = tokens[-1][0].decode(), tokens[-2]
    else:
        return None
    data = re.sub(rb"\A[ \t\f]*\r?\n?", b"", text[tokens[-1].end() :], count=1)
    if name.upper() == "VALUES":
        list(top_level_tokens(data))  # to refuse a second statement, which the engine would drop
    settings = tokens[words.index("SETTINGS")] if "SETTINGS" in words else clause
    between = text[settings.start() : clause.start()]
    return Statement("INSERT", text[: settings.start()], insert_format=name, settings=between, data=data)

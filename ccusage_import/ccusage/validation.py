"""Bytes to a validated report: an odd row is refused alone, a report of another shape as a whole."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import cache
from itertools import count, islice
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError
from pydantic_core import ErrorDetails

from ccusage_import.ccusage.models import DOCUMENTS, ROWS, CodexDocument, CodexTotals, ReportDocument, Totals
from ccusage_import.ccusage.repeated_keys import may_repeat, parse_marking, repeated_keys
from ccusage_import.exceptions import InvalidReportError, NotAReportError
from ccusage_import.records import split_label

CHECK_HINT = "check the ccusage command, or the file this was read from"
KEYS = {"session": ("sessions", "session"), "hours": ("blocks",)}
# Versions up to 18, and 19 under `claude`, print a bare array when these have no rows.
BARE_WHEN_EMPTY = ("daily", "session", "projects")
# A report with more odd rows than this is not merely odd, and the millionth of them is not worth the wait.
MOST_REFUSED = 1000
# As much of one row is reported, and as much of what an error quotes.
MOST_LINES, MOST_CHARACTERS = 10, 200
T = TypeVar("T")
REPEATED = "Key appears more than once"


@dataclass(frozen=True, slots=True)
class RefusedRow:
    """A row that cannot be true: what was printed, and every `path: reason`; `project` is empty but in projects."""

    project: str
    index: int
    printed: object
    lines: tuple[str, ...]

    @property
    def repeats_keys(self) -> bool:
        """Whether a key stands more than once in it, so that it is unclear which value is meant."""
        return any(line.endswith(REPEATED) for line in self.lines)


@dataclass(frozen=True, slots=True)
class Validated:
    """A report without the rows that were left out of it: the refused ones, and gaps between blocks.

    The document is None where no rows have a form of their own.
    """

    document: ReportDocument | None
    refused: tuple[RefusedRow, ...] = ()
    left_out: frozenset[tuple[str, int]] = frozenset()
    warnings: tuple[str, ...] = ()

    def numbered(self, rows: Iterable[T], project: str = "") -> Iterator[tuple[int, T]]:
        """Return rows with the numbers they have in what was printed."""
        numbers = (index for index in count() if (project, index) not in self.left_out)
        return zip(numbers, rows, strict=False)


@dataclass(slots=True)
class _Sorting:
    """The rows of a report while they are checked: those refused, those left out, and how many were kept."""

    refused: list[RefusedRow] = field(default_factory=list)
    left_out: set[tuple[str, int]] = field(default_factory=set)
    kept: int = 0

    @property
    def lines(self) -> tuple[str, ...]:
        """What is wrong, `path: reason` each."""
        return tuple(line for row in self.refused for line in row.lines)

    def refuse(self, label: str, row: RefusedRow) -> None:
        """Note an odd row.

        Raises:
            InvalidReportError: there are too many.
        """
        self.refused.append(row)
        self.left_out.add((row.project, row.index))
        if len(self.refused) > MOST_REFUSED:
            raise InvalidReportError(label, self.lines, is_cut=True)


@cache
def _adapter(label: str) -> TypeAdapter[ReportDocument]:
    return TypeAdapter(_document_type(label))


@cache
def _row_adapter(label: str) -> TypeAdapter[Any]:
    return TypeAdapter(ROWS.get(label) or ROWS[split_label(label)[1]])


@cache
def _totals_adapter(label: str) -> TypeAdapter[Any]:
    return TypeAdapter(CodexTotals if issubclass(_document_type(label), CodexDocument) else Totals)


def _document_type(label: str) -> type[ReportDocument]:
    return DOCUMENTS.get(label) or DOCUMENTS[split_label(label)[1]]


def validate_report(label: str, output: bytes) -> Validated:
    """Validate what ccusage printed for `daily`, `codex daily` and so on.

    Raises:
        NotAReportError: the output is not JSON, or another report than asked for.
        InvalidReportError: no row can be true, or it is unclear where rows belong; `details` holds every path
            and reason.
    """
    _, report = split_label(label)
    if report in BARE_WHEN_EMPTY and output.strip() == b"[]":
        return Validated(None)
    keys = KEYS.get(report, (report,))
    try:
        document = _adapter(label).validate_json(output)
    except ValidationError as error:
        if error.error_count() <= MOST_REFUSED and _refuse_shape(label, keys, output, error):
            return Validated(None)
    else:
        if not may_repeat(document, output, keys):
            return Validated(document)
    return _row_by_row(label, keys, output)


def _refuse_shape(label: str, keys: tuple[str, ...], output: bytes, error: ValidationError) -> bool:
    """Refuse what is not the report that was asked for; return whether it is one without rows."""
    errors = error.errors(include_url=False, include_input=False)
    if errors[0]["type"] == "json_invalid" or any(len(item["loc"]) == 0 for item in errors):
        raise NotAReportError(f"{label}: ccusage did not print one JSON report: {errors[0]['msg']}", hint=CHECK_HINT)
    if any(item["type"] == "missing" and item["loc"] in [(key,) for key in keys] for item in errors):
        # ccusage 20 answers `daily --instances` without usage in the shape of daily.
        if label == "projects" and json.loads(output).get("daily") == []:
            return True
        raise _other_shape(label, keys, output)
    if any(item["loc"] in [(key,) for key in keys] for item in errors):
        raise InvalidReportError(label, tuple(_line(item) for item in errors))
    return False


def _other_shape(label: str, keys: tuple[str, ...], output: bytes) -> NotAReportError:
    names = sorted(json.loads(output))
    more = f", and {len(names) - MOST_LINES} more" if len(names) > MOST_LINES else ""
    found = _cut(", ".join(names[:MOST_LINES])) + more or "an empty object"
    if label == "projects":
        hint = "this ccusage has no projects: use 15.5 or newer, and 19 or newer under its claude command"
    else:
        hint = CHECK_HINT
    return NotAReportError(f"{label}: expected {' or '.join(map(repr, keys))}, ccusage printed {found}", hint=hint)


def _row_by_row(label: str, keys: tuple[str, ...], output: bytes) -> Validated:
    """Separate the rows that can be true from those that cannot."""
    try:
        tree = parse_marking(output)
    except (ValueError, RecursionError) as error:
        raise NotAReportError(f"{label}: ccusage did not print one JSON report: {error}", hint=CHECK_HINT) from None
    key = next(name for name in keys if name in tree)
    printed = tree[key]
    _refuse_ambiguous(label, tree, key)
    sorting = _Sorting()
    if split_label(label)[1] == "projects":
        rows: Any = {name: _kept(label, sorting, days, f"{key}.{name}", name) for name, days in printed.items()}
    else:
        rows = _kept(label, sorting, printed, key)
    if sorting.refused and not sorting.kept:
        raise InvalidReportError(label, sorting.lines)
    totals, warnings = _totals(label, tree.get("totals"))
    document = _adapter(label).validate_python({key: rows, "totals": totals})
    return Validated(document, tuple(sorting.refused), frozenset(sorting.left_out), warnings)


def _refuse_ambiguous(label: str, tree: dict[str, Any], key: str) -> None:
    """Refuse a report in which it is unclear where rows belong."""
    places = [("", tree), *([(f"{key}.", tree[key])] if isinstance(tree[key], dict) else [])]
    lines = [f"{_cut(path + name)}: {REPEATED}" for path, place in places for name in getattr(place, "repeated", ())]
    if lines:
        raise InvalidReportError(label, tuple(lines))


def _kept(label: str, sorting: _Sorting, rows: object, path: str, project: str = "") -> list[object]:
    """Return the rows that can be true; what is wrong with the others is noted."""
    if not isinstance(rows, list):
        raise InvalidReportError(label, (f"{path}: Input should be a valid array",))
    kept = []
    for index, row in enumerate(rows):
        if isinstance(row, dict) and row.get("isGap") is True:
            sorting.left_out.add((project, index))
        elif lines := _wrong(label, row, f"{path}.{index}"):
            sorting.refuse(label, RefusedRow(project, index, row, lines))
        else:
            kept.append(row)
    sorting.kept += len(kept)
    return kept


def _wrong(label: str, row: object, path: str) -> tuple[str, ...]:
    repeated = tuple(f"{_cut(place)}: {REPEATED}" for place in islice(repeated_keys(row, path), MOST_LINES))
    if repeated:
        return repeated
    return _errors(_row_adapter(label), row, path)


def _errors(adapter: TypeAdapter[Any], value: object, path: str) -> tuple[str, ...]:
    """Return what is wrong with a value in the words of JSON, in which it was printed."""
    try:
        adapter.validate_json(json.dumps(value))
    except ValidationError as error:
        errors = error.errors(include_url=False, include_input=False)
        return tuple(_line(item, path) for item in errors[:MOST_LINES])
    return ()


def _totals(label: str, totals: object) -> tuple[object, tuple[str, ...]]:
    """Return the sums that a report prints, and what is odd about them: they never refuse a row."""
    lines = [f"{_cut(place)}: {REPEATED}" for place in islice(repeated_keys(totals, "totals"), MOST_LINES)]
    if totals is not None:
        lines += _errors(_totals_adapter(label), totals, "totals")
    return (None if lines else totals), tuple(f"{label}.{line}" for line in lines)


def _line(error: ErrorDetails, *path: str) -> str:
    return f"{_cut('.'.join((*path, *map(str, error['loc']))))}: {error['msg']}"


def _cut(text: str) -> str:
    return text if len(text) <= MOST_CHARACTERS else f"{text[:MOST_CHARACTERS]}…"

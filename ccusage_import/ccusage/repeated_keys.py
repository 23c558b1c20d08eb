"""Keys that stand twice in one JSON object, of which a parser keeps one value and drops the other in silence."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from ccusage_import.ccusage.models import (
    BlocksDocument,
    CodexDailyDocument,
    CodexMonthlyDocument,
    CodexSessionDocument,
    ProjectsDocument,
    ReportDocument,
    SessionDocument,
    UsageRow,
)

CODEX_DOCUMENTS = (CodexDailyDocument, CodexMonthlyDocument, CodexSessionDocument)
# How often all of some keys may stand in an output.
Counts = dict[tuple[bytes, ...], Sequence[int]]


class RepeatingObject(dict[str, Any]):
    """An object with keys that stand more than once; of each the last value counts."""

    repeated: tuple[str, ...] = ()


def parse_marking(output: bytes) -> Any:
    """Parse JSON; objects that repeat a key are marked.

    Raises:
        ValueError: it is not JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(output, object_pairs_hook=_marked)


def repeated_keys(value: object, path: str) -> Iterator[str]:
    """Return the paths of keys that stand more than once, anywhere in a value that `parse_marking` returned."""
    if isinstance(value, RepeatingObject):
        yield from (f"{path}.{name}" for name in value.repeated)
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, part in parts:
        if isinstance(part, dict | list):
            yield from repeated_keys(part, f"{path}.{name}")


def may_repeat(document: ReportDocument, output: bytes, list_keys: Sequence[str]) -> bool:
    """Return whether a key that is read stands more often in an output than its rows explain.

    It errs on the safe side alone. Counting takes a fiftieth of the time of an import of many records, parsing once
    more a fifth. What ccusage prints for Claude Code holds little else than is read, so there is mostly just to count
    strings.

    Args:
        document: what was read.
        output: what it was read from.
        list_keys: the names that the list of rows may have.
    """
    if isinstance(document, CODEX_DOCUMENTS) or b'"agent"' in output:
        return True
    if isinstance(document, BlocksDocument):
        counts = _of_blocks(document)
    else:
        rows = _rows_of_usage(document)
        if output.count(b'"') == 2 * _fewest_strings(document, rows, output):
            return False
        counts = _of_usage(document, rows)
    counts[tuple(b'"%s"' % key.encode() for key in list_keys)] = (1,)
    return any(sum(map(output.count, needles)) not in allowed for needles, allowed in counts.items())


def _marked(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) == len(pairs):
        return found
    marked = RepeatingObject(found)
    marked.repeated = tuple(name for name, count in Counter(name for name, _ in pairs).items() if count > 1)
    return marked


def _of_blocks(document: BlocksDocument) -> Counts:
    rows = len(document.rows)
    rates = sum(row.burn_rate is not None for row in document.rows)
    projected = sum(row.projection is not None for row in document.rows)
    resets = sum(row.limit_resets_at is not None for row in document.rows)
    once = (b'"startTime"', b'"endTime"', b'"isActive"', b'"entries"', b'"tokenCounts"', b'"costUSD"')
    always_or_never = (b'"isGap"', b'"models"', b'"actualEndTime"', b'"burnRate"', b'"projection"')
    return {
        (b'Tokens"',): (5 * rows + projected,),
        (b'"tokensPerMinute"',): (rates,),
        (b'"costPerHour"',): (rates,),
        (b'"totalCost"',): (projected,),
        (b'"remainingMinutes"',): (projected,),
        (b'"usageLimitResetTime"',): (resets, rows),
        **{(key,): (rows,) for key in once},
        **{(key,): (0, rows) for key in always_or_never},
    }


def _rows_of_usage(document: ReportDocument) -> list[UsageRow]:
    if isinstance(document, ProjectsDocument):
        return [row for days in document.rows.values() for row in days]
    return [row for row in document.rows if isinstance(row, UsageRow)]


def _fewest_strings(document: ReportDocument, rows: Sequence[UsageRow], output: bytes) -> int:
    """Return how many strings there are in an output at least, keys included: those from which all of it was read.

    A day of a project also names that, which is not read.
    """
    parts = sum(len(row.breakdowns) for row in rows)
    # The key of the rows; six numbers and the period of each; five numbers and the model of each part.
    strings = 1 + 8 * len(rows) + 7 * parts + 2 * output.count(b'"project": "')
    strings += sum(map(bool, (row.breakdowns for row in rows)))
    strings += sum(1 + len(row.models_used) for row in rows if row.models_used)
    if document.totals is not None:
        strings += 7
    if isinstance(document, ProjectsDocument):
        strings += len(document.rows)
    if isinstance(document, SessionDocument):
        optional = ((row.project, row.first_activity, row.last_activity) for row in document.rows)
        strings += 2 * sum(value is not None for values in optional for value in values)
    return strings


def _of_usage(document: ReportDocument, rows: Sequence[UsageRow]) -> Counts:
    """Some needles end several keys: each of them costs a pass over the output."""
    usages = len(rows) + (document.totals is not None)
    parts = [part for row in rows for part in row.breakdowns]
    counts: Counts = {
        (b'Tokens"',): (5 * usages + 4 * len(parts),),
        (b'ost"',): (usages + len(parts),),
        (b'"modelName"',): (len(parts),),
        (b'"modelsUsed"',): (sum(bool(row.models_used) for row in rows), len(rows)),
        (b'"modelBreakdowns"',): (sum(bool(row.breakdowns) for row in rows), len(rows)),
        (b'"missingPricing"',): (sum(part.is_price_missing for part in parts),),
    }
    if isinstance(document, SessionDocument):
        counts[b'"sessionId"', b'"period"'] = (len(rows),)
        counts[b'Activity"',] = (len(rows), 2 * len(rows))
        counts[b'"projectPath"',] = (0, len(rows))
    else:
        counts[b'"date"', b'"month"', b'"period"'] = (len(rows),)
    return counts

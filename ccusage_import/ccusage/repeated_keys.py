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
    more a fifth.

    Args:
        document: what was read.
        output: what it was read from.
        list_keys: the names that the list of rows may have.
    """
    if isinstance(document, CODEX_DOCUMENTS) or b'"agent"' in output:
        return True
    counts = _of_blocks(document) if isinstance(document, BlocksDocument) else _of_usage(document)
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


def _of_usage(document: ReportDocument) -> Counts:
    """Some needles end several keys: each of them costs a pass over the output."""
    if isinstance(document, ProjectsDocument):
        rows: list[UsageRow] = [row for days in document.rows.values() for row in days]
    else:
        rows = [row for row in document.rows if isinstance(row, UsageRow)]
    usages = len(rows) + (document.totals is not None)
    parts = [part for row in rows for part in row.breakdowns]
    counts: Counts = {
        (b'Tokens"',): (5 * usages + 4 * len(parts),),
        (b'ost"',): (usages + len(parts),),
        (b'"model',): (len(parts), len(parts) + len(rows), len(parts) + 2 * len(rows)),
        (b'"missingPricing"',): (sum(part.is_price_missing for part in parts),),
    }
    if isinstance(document, SessionDocument):
        counts[b'"sessionId"', b'"period"'] = (len(rows),)
        counts[b'Activity"',] = (len(rows), 2 * len(rows))
        counts[b'"projectPath"',] = (0, len(rows))
    else:
        counts[b'"date"', b'"month"', b'"period"'] = (len(rows),)
    return counts

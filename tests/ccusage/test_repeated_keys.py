"""Keys that stand twice: wherever one does in what ccusage prints, it is noticed."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from ccusage_import.ccusage.repeated_keys import may_repeat
from ccusage_import.ccusage.validation import KEYS, validate_report
from ccusage_import.exceptions import InvalidReportError
from ccusage_import.records import split_label

CLASSES = {"inputTokens": 1, "outputTokens": 2, "cacheCreationTokens": 3, "cacheReadTokens": 4}
USAGE = {**CLASSES, "totalTokens": 10, "totalCost": 0.5}
PART = {"modelName": "opus", "cost": 0.5, **CLASSES}
USED: dict[str, Any] = {"modelsUsed": ["opus"], "modelBreakdowns": [PART]}
NOON = "2026-11-01T12:00:00.000Z"
DAYS = [
    {"date": "2026-11-01", **USAGE, **USED},
    {"date": "2026-11-02", **USAGE, **USED, "modelBreakdowns": [PART, PART]},
]
SESSIONS = [
    {"sessionId": "a", "projectPath": "shop", "lastActivity": NOON, "firstActivity": NOON, **USAGE, **USED},
    {"sessionId": "b", "projectPath": "shop", "lastActivity": "2026-11-01", "firstActivity": NOON, **USAGE, **USED},
]
BLOCK = {
    "startTime": NOON, "endTime": NOON, "isActive": True, "isGap": False, "entries": 1, "tokenCounts": CLASSES,
    "totalTokens": 10, "costUSD": 0.5, "models": ["opus"], "actualEndTime": NOON, "usageLimitResetTime": NOON,
    "burnRate": {"tokensPerMinute": 1, "costPerHour": 1},
    "projection": {"totalTokens": 10, "totalCost": 1, "remainingMinutes": 1},
}  # fmt: skip
PRINTED: dict[str, Any] = {
    "daily": {"daily": DAYS, "totals": USAGE},
    "monthly": {"monthly": [{"month": "2026-11", **USAGE, **USED}]},
    "session": {"sessions": SESSIONS, "totals": USAGE},
    "projects": {"projects": {"shop": [{"project": "shop", **day} for day in DAYS], "site": DAYS}, "totals": USAGE},
    "blocks": {"blocks": [BLOCK]},
}
# What other agents print, and what holds strings that are not read: there each key is counted.
COUNTED: dict[str, Any] = {
    "opencode monthly": {"monthly": [{"month": "2026-11", **USAGE, "modelsUsed": ["opus"]}], "totals": USAGE},
    **{label: {"note": "not read", **printed} for label, printed in PRINTED.items()},
}
# A key; not that of a project, which is not read, and not that of the sums, which never refuse a row.
KEY = re.compile(r'(?m)^ *"(?!project"|shop"|site"|totals"|note")(\w+)": ')


@pytest.mark.parametrize(("label", "shown"), [*PRINTED.items(), *COUNTED.items()])
@pytest.mark.parametrize("again", ['"{}": null, ', '"{}" : 1, ', '"{}": {{}}, "project": null, '])
def test_wherever_a_key_that_is_read_stands_twice_it_is_noticed(label: str, shown: object, again: str) -> None:
    printed = json.dumps(shown, indent=2)
    report = split_label(label)[1]
    keys = KEYS.get(report, (report,))
    document = validate_report(label, printed.encode()).document
    assert document is not None

    assert not may_repeat(document, printed.encode(), keys)
    for found in KEY.finditer(printed):
        twice = printed[: found.start()] + again.format(found[1]) + printed[found.start() :]
        assert may_repeat(document, twice.encode(), keys), found[0]


def test_a_key_that_stands_twice_in_a_report_of_codex_is_noticed() -> None:
    row = {"date": "2026-11-01", **USAGE, "costUSD": 0.5, "models": {"gpt-5": {**CLASSES, "totalTokens": 10}}}
    printed = json.dumps({"daily": [row]})
    assert validate_report("codex daily", printed.encode()).refused == ()

    twice = printed.replace('"inputTokens": 1', '"inputTokens": 9, "inputTokens": 1', 1)
    with pytest.raises(InvalidReportError) as caught:
        validate_report("codex daily", twice.encode())
    assert caught.value.details == ("daily.0.inputTokens: Key appears more than once",)


def test_a_key_that_stands_twice_does_not_pass_for_a_project_without_a_name() -> None:
    printed = json.dumps(PRINTED["projects"], indent=2)
    document = validate_report("projects", printed.encode()).document
    assert document is not None

    assert may_repeat(
        document, printed.replace('"project": "shop"', '"date": 1, "project": null', 1).encode(), ("projects",)
    )

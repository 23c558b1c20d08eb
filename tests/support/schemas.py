"""Writes docs/schemas/*.json: what each command prints with --json, from one description.

python -m tests.support.schemas
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

DIRECTORY = Path(__file__).parent.parent.parent / "docs" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"
Schema = Mapping[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
COUNT: Schema = {"type": "integer", "minimum": 0}
CODE: Schema = {"type": "integer", "enum": [0, 1, 2, 3, 4, 5, 6, 130]}
NUMBER: Schema = {"type": "number"}
MONEY: Schema = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "US dollars, every digit"}
SHARE: Schema = {"type": "string", "pattern": r"^-?\d+(\.\d+)?$", "description": "1 is all"}
DAY: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d$"}
AMOUNT: Schema = {**MONEY, "description": "US dollars or tokens, every digit"}
INSTANT: Schema = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$"}
ANY: Schema = {}


def record(**properties: Schema) -> Schema:
    """Return an object that has all of these and nothing else."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def listed(items: Schema) -> Schema:
    """Return an array."""
    return {"type": "array", "items": items}


def by_name(values: Schema) -> Schema:
    """Return an object whose names are data."""
    return {"type": "object", "additionalProperties": values}


def maybe(schema: Schema) -> Schema:
    """Return what may be null."""
    return {"anyOf": [schema, {"type": "null"}]}


def one_of(*schemas: Schema) -> Schema:
    """Return what is one of several documents."""
    return {"anyOf": list(schemas)}


CLASSES = {
    "input_tokens": COUNT,
    "output_tokens": COUNT,
    "cache_creation_tokens": COUNT,
    "cache_read_tokens": COUNT,
    "total_tokens": COUNT,
}
USAGE = record(cost_usd=MONEY, **CLASSES, unpriced=FLAG)
ERROR = record(message=TEXT, details=listed(TEXT), hint=TEXT)
VERDICTS = by_name(COUNT)
PART = record(start=DAY, model=TEXT, cost_usd=MONEY, total_tokens=COUNT)
MODEL = record(model=TEXT, usage=USAGE, cache_share=maybe(NUMBER))
PROJECT = record(project=TEXT, active_days=COUNT, last_day=DAY, usage=USAGE)
SESSION = record(
    project=TEXT,
    session=TEXT,
    machine=TEXT,
    agent=TEXT,
    day=DAY,
    first_activity=maybe(INSTANT),
    last_activity=maybe(INSTANT),
    models=listed(TEXT),
    usage=USAGE,
)
HOUR = record(weekday=COUNT, hour=COUNT, cost_usd=MONEY, total_tokens=COUNT)
USE = record(name=TEXT, model=TEXT, cost_usd=MONEY, total_tokens=COUNT)
CHANGE = record(
    load_id=COUNT,
    decided_at=INSTANT,
    machine=TEXT,
    report=TEXT,
    agent=TEXT,
    key=TEXT,
    label=TEXT,
    day=DAY,
    verdict=TEXT,
    reason=TEXT,
    explanation=TEXT,
    is_written=FLAG,
    stored_tokens=maybe(COUNT),
    offered_tokens=maybe(COUNT),
    stored_cost_usd=maybe(MONEY),
    offered_cost_usd=maybe(MONEY),
)
LOAD = record(
    load_id=COUNT,
    machine=TEXT,
    started_at=INSTANT,
    installation=TEXT,
    tool_version=TEXT,
    ccusage_version=TEXT,
    runner=TEXT,
    timezone=TEXT,
    cost_mode=TEXT,
    is_offline=FLAG,
    data_dirs=listed(TEXT),
    state=TEXT,
    revision=COUNT,
    finished_at=maybe(INSTANT),
    reports=listed(TEXT),
    failed_reports=listed(TEXT),
    verdicts=VERDICTS,
    tokens_before=COUNT,
    tokens_after=COUNT,
    records_after=COUNT,
    cost_before_usd=MONEY,
    cost_after_usd=MONEY,
    intact_from=maybe(DAY),
    undoes=COUNT,
    phases=by_name(NUMBER),
    warnings=listed(TEXT),
    error=TEXT,
    naming=TEXT,
    facts=by_name(COUNT),
)
AUDITED = record(load_id=COUNT, undoes=COUNT, verdicts=VERDICTS)
TOTALS = record(cost_usd=MONEY, **CLASSES, days=COUNT, sessions=COUNT, unpriced=FLAG)
TOP = record(name=TEXT, cost_usd=MONEY, total_tokens=COUNT)
OUTCOME = record(
    offered=COUNT,
    new=COUNT,
    grew=COUNT,
    repriced=COUNT,
    corrected=COUNT,
    held=COUNT,
    refreshed=COUNT,
    unchanged=COUNT,
    refused=COUNT,
    seconds=NUMBER,
    error=maybe(ERROR),
    refusal=maybe(ERROR),
)
BLOCK = record(
    started_at=INSTANT,
    block_ends_at=INSTANT,
    total_tokens=COUNT,
    cost_usd=MONEY,
    tokens_per_minute=maybe(NUMBER),
    cost_per_hour_usd=maybe(MONEY),
    projected_tokens=maybe(COUNT),
    projected_cost_usd=maybe(MONEY),
    remaining_minutes=maybe(COUNT),
)
HELD = record(
    report=TEXT,
    agent=TEXT,
    key=TEXT,
    label=TEXT,
    day=DAY,
    stored_tokens=COUNT,
    offered_tokens=COUNT,
    stored_cost_usd=MONEY,
    offered_cost_usd=MONEY,
    reason=TEXT,
    explanation=TEXT,
)
FACTS = record(
    files=COUNT,
    bytes=COUNT,
    unread_bytes=COUNT,
    lines=COUNT,
    new=record(messages=COUNT, tool_calls=COUNT, turns=COUNT, events=COUNT),
    folded=COUNT,
    bad_lines=by_name(COUNT),
    unknown=by_name(COUNT),
    unreadable=by_name(COUNT),
    equal_days=COUNT,
    days=COUNT,
    seconds=NUMBER,
    error=maybe(ERROR),
)
IMPORTED = record(
    load_id=maybe(COUNT),
    machine=TEXT,
    dry_run=FLAG,
    exit_code=CODE,
    ccusage_version=TEXT,
    runner=TEXT,
    timezone=TEXT,
    intact_from=maybe(DAY),
    unchanged_since=maybe(INSTANT),
    reports=by_name(OUTCOME),
    totals=record(before=maybe(TOTALS), after=maybe(TOTALS)),
    active_block=maybe(BLOCK),
    top_agents=listed(TOP),
    top_models=listed(TOP),
    top_projects=listed(TOP),
    coverage=listed(record(agent=TEXT, report=TEXT, cost_usd=MONEY, days_cost_usd=MONEY, share=SHARE)),
    held=listed(HELD),
    facts=maybe(FACTS),
    warnings=listed(TEXT),
    phases=by_name(NUMBER),
)
REPLAYED = record(
    exit_code=CODE,
    passed_over=COUNT,
    loads=listed(
        record(
            replayed=COUNT,
            started_at=INSTANT,
            machine=TEXT,
            load_id=maybe(COUNT),
            exit_code=CODE,
            verdicts=VERDICTS,
            warnings=listed(TEXT),
        )
    ),
)
MANIFEST = record(
    format=COUNT,
    tool_version=TEXT,
    schema_version=TEXT,
    engine_version=TEXT,
    created_at=INSTANT,
    tables=by_name(record(file=TEXT, rows=COUNT, bytes=COUNT, sha256=TEXT, tokens=COUNT, cost_usd=MONEY)),
)
CHANGE_LINE = record(
    decided_at=INSTANT,
    machine=TEXT,
    agent=TEXT,
    report=TEXT,
    record=TEXT,
    verdict=TEXT,
    reason=TEXT,
    stored_usd=MONEY,
    offered_usd=MONEY,
)
WORK = record(
    savings=listed(
        record(
            kind=TEXT,
            usd_per_month=MONEY,
            cases=COUNT,
            case_is={"enum": ["turn", "session"]},
            is_estimate=FLAG,
            advice=TEXT,
        )
    ),
    commands=listed(
        record(
            command=TEXT,
            runs=COUNT,
            cost_usd=MONEY,
            unpriced=FLAG,
            mean_usd=MONEY,
            seconds_p50=NUMBER,
            unfinished_share=NUMBER,
            cost_driver=TEXT,
        )
    ),
    tools=listed(
        record(
            tool=TEXT,
            calls=COUNT,
            errors=COUNT,
            denied=COUNT,
            wait_p50=maybe(NUMBER),
            wait_p95=maybe(NUMBER),
            lines_added=COUNT,
            lines_removed=COUNT,
        )
    ),
    subagents=listed(
        record(
            project=TEXT,
            machine=TEXT,
            tasks=COUNT,
            cost_usd=MONEY,
            unpriced=FLAG,
            cost_share=maybe(NUMBER),
            mean_usd=MONEY,
        )
    ),
)
DIGEST = record(
    made_at=INSTANT,
    today=DAY,
    timezone=TEXT,
    machine=TEXT,
    agent=TEXT,
    project=TEXT,
    since=maybe(DAY),
    until=maybe(DAY),
    first_day=maybe(DAY),
    last_day=maybe(DAY),
    active_days=COUNT,
    spans=listed(
        record(
            name=TEXT,
            first_day=DAY,
            last_day=DAY,
            usage=USAGE,
            cache_share=maybe(NUMBER),
            before_usd=maybe(MONEY),
            before_first_day=maybe(DAY),
            before_last_day=maybe(DAY),
        )
    ),
    forecast=maybe(
        record(
            cost_usd=MONEY,
            total_tokens=COUNT,
            low_usd=maybe(MONEY),
            high_usd=maybe(MONEY),
            method=TEXT,
            backtest_error=maybe(NUMBER),
            days=listed(record(day=DAY, cost_usd=MONEY)),
        )
    ),
    days=listed(PART),
    months=listed(PART),
    models=listed(MODEL),
    cache=listed(record(model=TEXT, cost_usd=MONEY, cache_share=maybe(NUMBER), savings_usd=maybe(MONEY))),
    projects=listed(PROJECT),
    project_count=COUNT,
    sessions=listed(SESSION),
    session_count=COUNT,
    hours=listed(HOUR),
    recent_verdicts=VERDICTS,
    changes=listed(CHANGE_LINE),
    held=listed(CHANGE_LINE),
    held_count=COUNT,
    budget=listed(record(scope=TEXT, name=TEXT, period=TEXT, limit_usd=MONEY, spent_usd=MONEY)),
    plans=listed(
        record(
            account=TEXT,
            month=DAY,
            cost_usd=MONEY,
            plan_usd=MONEY,
            beyond_usd=MONEY,
            times_price=NUMBER,
            is_partial=FLAG,
            unpriced=FLAG,
        )
    ),
    machines=listed(
        record(
            machine=TEXT,
            agents=listed(TEXT),
            last_day=maybe(DAY),
            last_success_at=maybe(INSTANT),
            last_state=TEXT,
            has_failed=FLAG,
            error=TEXT,
            failed_reports=listed(TEXT),
            is_stale=FLAG,
        )
    ),
    work=WORK,
)
NAMED_QUERY = record(
    name=TEXT,
    answers=TEXT,
    group=TEXT,
    notes=listed(TEXT),
    parameters=listed(record(name=TEXT, type=TEXT, default=maybe(TEXT), meaning=TEXT)),
    sql=TEXT,
)
LAST_IMPORT = record(
    load_id=COUNT,
    state=TEXT,
    started_at=INSTANT,
    finished_at=maybe(INSTANT),
    ccusage_version=TEXT,
    failed_reports=listed(TEXT),
    error=TEXT,
    facts=by_name(COUNT),
)
SPENDING = record(
    scope=TEXT,
    name=TEXT,
    period=TEXT,
    limit_usd=MONEY,
    since=DAY,
    spent_usd=MONEY,
    forecast_usd=MONEY,
    crossing_day=maybe(DAY),
    is_over=FLAG,
    unpriced=FLAG,
)
QUOTA = record(
    machine=TEXT,
    name=TEXT,
    period_start=maybe(INSTANT),
    period_end=maybe(INSTANT),
    maximum=maybe(AMOUNT),
    source=TEXT,
    used=AMOUNT,
    left=maybe(AMOUNT),
    share=maybe(NUMBER),
    rate_per_hour=maybe(NUMBER),
    runs_out_at=maybe(INSTANT),
    limits_hit=COUNT,
    learned_maximum=maybe(AMOUNT),
    learned_at=maybe(INSTANT),
    unpriced=FLAG,
    is_over=FLAG,
)
DIFFERENCE = record(check=TEXT, subject=TEXT, left_tokens=COUNT, right_tokens=COUNT, explanation=TEXT)
KEPT = record(load_id=COUNT, started_at=INSTANT, machine=TEXT, warehouse=TEXT, file=TEXT, bytes=COUNT)
LOG_LINE = {
    "type": "object",
    "properties": {"time": INSTANT, "level": TEXT, "message": TEXT, "run": TEXT},
    "required": ["time", "level", "message"],
    "description": "and what the message is about, under names of its own",
}
SCHEDULED = record(
    installed={"const": True},
    scheduler=TEXT,
    when=TEXT,
    argv=listed(TEXT),
    environment=by_name(TEXT),
    missing_paths=listed(TEXT),
    active=FLAG,
    facts=by_name(TEXT),
    hook=maybe(TEXT),
)


def happened(event: str, **properties: Schema) -> Schema:
    """Return a line of `watch`."""
    return record(at=INSTANT, event={"const": event}, **properties)


NEW_FACTS = record(messages=COUNT, tool_calls=COUNT, turns=COUNT, events=COUNT)
EVENT = one_of(
    happened("watching", directories=listed(TEXT), polls=FLAG, reason=TEXT),
    happened("stored", new=NEW_FACTS, files=COUNT, bytes=COUNT, seconds=NUMBER),
    happened("importing"),
    happened("imported", load_id=maybe(COUNT), exit_code=CODE, failed_reports=listed(TEXT), held=COUNT),
    happened("import_failed", error=ERROR),
    happened("lost", error=ERROR),
    happened("regained", seconds=NUMBER),
    happened("warning", text=TEXT),
    happened("lent"),
    happened("reconfigured"),
    happened("ended"),
)
# By command; an error that ends any of them prints FAILURE instead.
PREDICTION = record(
    command=TEXT,
    predicted_from={"enum": ["these runs", "the command", "all prompts"]},
    runs=COUNT,
    low_usd=MONEY,
    cost_usd=MONEY,
    high_usd=MONEY,
    seconds_low=NUMBER,
    seconds_p50=NUMBER,
    seconds_high=NUMBER,
    unpriced=FLAG,
    backtest=maybe(record(runs=COUNT, inside_share=NUMBER, error_usd=MONEY, mean_error_usd=MONEY)),
)
HEALTH = record(
    healthy=FLAG,
    problems=listed(record(kind={"enum": ["warehouse", "imports", "facts", "disk", "push"]}, text=TEXT)),
    warehouse_reachable=FLAG,
    last_success_at=maybe(INSTANT),
    lag_seconds=maybe(NUMBER),
    backlog_bytes=maybe(COUNT),
    last_push_at=maybe(INSTANT),
    newest_backup_at=maybe(INSTANT),
    disk_free_bytes=maybe(COUNT),
    watch=maybe(
        record(
            process=COUNT,
            phase={"enum": ["watching", "importing", "facts wait", "lent", "ended"]},
            started_at=INSTANT,
            written_at=INSTANT,
            last_stored_at=maybe(INSTANT),
            files=COUNT,
            polls=FLAG,
            behind_seconds=NUMBER,
            is_running=FLAG,
        )
    ),
)
SCHEMAS: Mapping[str, Schema] = {
    "import": one_of(IMPORTED, REPLAYED),
    "watch": EVENT,
    "migrate": one_of(
        record(applied_now=listed(TEXT), applied=listed(TEXT)), record(pending=listed(TEXT), applied=listed(TEXT))
    ),
    "query": one_of(listed(NAMED_QUERY), listed(by_name(ANY))),
    "budget": listed(SPENDING),
    "predict": PREDICTION,
    "quota": listed(QUOTA),
    "check": record(health=TEXT, checks=listed(record(name=TEXT, health=TEXT, found=TEXT, hint=TEXT))),
    "status": record(
        machine=TEXT,
        warehouse=TEXT,
        state=TEXT,
        last_import=maybe(LAST_IMPORT),
        last_success_at=maybe(INSTANT),
        age_hours=maybe(NUMBER),
        stale_after_hours=NUMBER,
        held=COUNT,
        future_loads=listed(COUNT),
        missing=listed(TEXT),
        health=HEALTH,
    ),
    "logs": one_of(record(path=TEXT), listed(LOG_LINE)),
    "history": listed(LOAD),
    "changes": listed(CHANGE),
    "held": listed(CHANGE),
    "undo": AUDITED,
    "accept": AUDITED,
    "verify": record(compared=by_name(COUNT), unexplained=COUNT, differences=listed(DIFFERENCE)),
    "backup": MANIFEST,
    "restore": MANIFEST,
    "repair": record(attached=listed(TEXT), moved=listed(TEXT), loads=listed(COUNT)),
    "compact": record(before=DAY, facts=by_name(COUNT), rows=COUNT, bytes=COUNT, load_id=maybe(COUNT), is_dry_run=FLAG),
    "rename machine": record(
        old=TEXT, new=TEXT, records=COUNT, changes=COUNT, loads=COUNT, facts=COUNT, is_dry_run=FLAG
    ),
    "rename projects": record(naming=TEXT, records=COUNT, unknown=listed(TEXT), load_id=maybe(COUNT), is_dry_run=FLAG),
    "export": record(files=listed(record(name=TEXT, file=TEXT, format=TEXT, bytes=COUNT))),
    "raw list": record(loads=listed(KEPT)),
    "raw export": record(directory=TEXT, loads=listed(COUNT)),
    "push": record(
        machines=listed(TEXT),
        loads=COUNT,
        changes=COUNT,
        records=COUNT,
        facts=COUNT,
        conflicts=listed(CHANGE),
        server=TEXT,
    ),
    "report": one_of(DIGEST, record(file=TEXT)),
    "chart": one_of(*map(listed, (PART, MODEL, PROJECT, SESSION, HOUR, USE))),
    "config show": by_name(record(value=ANY, origin=TEXT)),
    "schedule status": one_of(SCHEDULED, record(installed={"const": False}, hook=maybe(TEXT))),
}
FAILURE = record(exit_code=CODE, error=ERROR)


def schema_file(command: str) -> str:
    """Return the name of the file with the schema of a command."""
    return f"{command.replace(' ', '-')}.json"


def schema_texts() -> dict[str, str]:
    """Return the text of each file."""
    texts = {
        schema_file(command): {"$schema": DIALECT, "title": f"ccusage-import {command} --json", **schema}
        for command, schema in SCHEMAS.items()
    }
    texts["error.json"] = {"$schema": DIALECT, "title": "an error that ended a command with --json", **FAILURE}
    return {name: json.dumps(schema, indent=2) + "\n" for name, schema in texts.items()}


if __name__ == "__main__":
    DIRECTORY.mkdir(exist_ok=True)
    for name, text in schema_texts().items():
        (DIRECTORY / name).write_text(text, "utf-8")

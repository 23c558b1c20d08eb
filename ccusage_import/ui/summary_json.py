"""What programs see of an import that is done: one JSON object. Nothing is drawn, so nothing that draws is loaded."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import Any

from ccusage_import.import_summary import FactsSummary, ImportSummary
from ccusage_import.records import Record
from ccusage_import.rule.explain import reason_in_words
from ccusage_import.rule.verdicts import Decision, Verdict
from ccusage_import.ui import error_json, label, named

SHOWN_VERDICTS = (
    Verdict.NEW, Verdict.GREW, Verdict.REPRICED, Verdict.CORRECTED, Verdict.HELD, Verdict.REFRESHED, Verdict.UNCHANGED,
)  # fmt: skip


def summary_json(summary: ImportSummary) -> dict[str, Any]:
    """Return the summary as one object with stable keys; money as strings of US dollars."""
    compared = summary.comparison
    return {
        "load_id": summary.load_id,
        "machine": summary.machine,
        "dry_run": summary.is_dry_run,
        "exit_code": int(summary.exit_code),
        "ccusage_version": summary.ccusage_version,
        "runner": summary.runner,
        "timezone": summary.timezone,
        "intact_from": summary.intact_from.isoformat() if summary.intact_from else None,
        "unchanged_since": summary.unchanged_since,
        "reports": {
            name: {
                "offered": outcome.offered,
                **{str(verdict): outcome.verdicts[verdict] for verdict in SHOWN_VERDICTS},
                "refused": outcome.refused,
                "seconds": outcome.seconds,
                "error": error_json(outcome.error) if outcome.error else None,
                "refusal": error_json(outcome.refusal) if outcome.refusal else None,
            }
            for name, outcome in summary.reports.items()
        },
        "totals": {
            "before": asdict(compared.before) if compared else None,
            "after": asdict(compared.after) if compared else None,
        },
        "active_block": _block_json(compared.block) if compared and compared.block else None,
        "top_agents": [asdict(share) for share in compared.agents] if compared else [],
        "top_models": [asdict(share) for share in compared.models] if compared else [],
        "top_projects": [
            {**asdict(share), "name": named(share.name, summary.names)}
            for share in (compared.projects if compared else ())
        ],
        "coverage": [
            {**asdict(each), "share": round(each.share, 6)} for each in (compared.coverage if compared else ())
        ],
        "held": [_held_json(decision, summary) for decision in summary.held],
        "facts": _facts_json(summary.facts) if summary.facts else None,
        "warnings": summary.warnings,
        "phases": summary.phases,
    }


def _facts_json(facts: FactsSummary) -> dict[str, Any]:
    from ccusage_import.transcripts.facts import FACT_KINDS

    return {
        "files": facts.files,
        "bytes": facts.bytes,
        "unread_bytes": facts.unread_bytes,
        "lines": facts.lines,
        "new": {kind: facts.new[kind] for kind in FACT_KINDS},
        "folded": facts.new["folded"],
        "bad_lines": facts.bad_lines,
        "unknown": facts.unknown,
        "unreadable": facts.unreadable,
        "equal_days": facts.equal_days,
        "days": facts.days,
        "seconds": facts.seconds,
        "error": error_json(facts.error) if facts.error else None,
    }


def _held_json(decision: Decision, summary: ImportSummary) -> dict[str, Any]:
    stored, offered, record = decision.stored, decision.offered, decision.record
    return {
        "report": record.report,
        "agent": record.agent,
        "key": record.key,
        "label": label(decision.record, summary.names),
        "day": record.day.isoformat(),
        "stored_tokens": stored.total_tokens if stored else 0,
        "offered_tokens": offered.total_tokens if offered else 0,
        "stored_cost_usd": stored.cost_usd if stored else Decimal(0),
        "offered_cost_usd": offered.cost_usd if offered else Decimal(0),
        "reason": str(decision.reason),
        "explanation": reason_in_words(decision, summary.intact_from),
    }


def _block_json(block: Record) -> dict[str, Any]:
    names = (
        "started_at", "block_ends_at", "total_tokens", "cost_usd", "tokens_per_minute", "cost_per_hour_usd",
        "projected_tokens", "projected_cost_usd", "remaining_minutes",
    )  # fmt: skip
    shown = {name: getattr(block, name) for name in names}
    hourly = block.cost_per_hour_usd
    return {**shown, "cost_per_hour_usd": None if hourly is None else Decimal(str(round(hourly, 6)))}

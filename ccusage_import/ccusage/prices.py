"""Finds out the prices of ccusage: it reports on made-up transcripts, in which each day asks for one price."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import product
from pathlib import Path
from typing import Any, Protocol, TypeVar

from loguru import logger

from ccusage_import.ccusage.fetcher import fetch_reports
from ccusage_import.ccusage.runner import QUICK_TIMEOUT_SECONDS, FetchOptions, Runner
from ccusage_import.documents import parse_json
from ccusage_import.exceptions import CcusageError, ConfigurationError
from ccusage_import.files import write_private_file
from ccusage_import.records import CLAUDE, CODEX, ModelPrice, PricedModel, report_label

# What ccusage adds to the name of a Claude model whose `speed` was fast.
FAST = "-fast"
# A price is what STEP more tokens cost: in a short message, and in one that is long for every model (LONG).
STEP = 100_000
LONG = 400_000
PER_MILLION = 1_000_000 // STEP
CLASSES = ("input", "output", "cache_creation", "cache_creation_1h", "cache_read")
# Codex reports no cache writes; OpenAI charges them as input.
CODEX_CLASSES = ("input", "output", "cache_read")
FIRST_DAY = date(2020, 1, 1)
Line = dict[str, Any]
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Question:
    """Usage of one message: so many tokens of a class, beside so many of uncached input."""

    kind: str
    tokens: int
    beside: int = 0


class Prices(Protocol):
    """Whom to ask for prices."""

    def ask(self, wanted: set[PricedModel], again: Collection[PricedModel] = ()) -> list[ModelPrice]:
        """Return the prices of models that have one."""


@dataclass(frozen=True, slots=True)
class PriceSource:
    """The ccusage that gave the reports, with the prices that it gave them with."""

    runner: Runner
    options: FetchOptions
    environ: Mapping[str, str]

    def ask(self, wanted: set[PricedModel], again: Collection[PricedModel] = ()) -> list[ModelPrice]:
        """Return the prices of those models that have one.

        Models that had none before are asked for only if they are in `again`. An import does not fail because ccusage
        cannot be asked: its numbers do not need prices.
        """
        unpriced = self._without_price()
        asked = (wanted - unpriced) | set(again)
        prices = []
        for agent in sorted({agent for agent, _ in asked}):
            models = sorted(model for whose, model in asked if whose == agent)
            try:
                found = list(_codex_prices(self, models) if agent == CODEX else _prices(self, agent, models))
            except (CcusageError, ConfigurationError, OSError) as error:
                logger.bind(agent=agent, reason=str(error)).warning("the prices could not be asked for")
                continue
            prices += found
            unpriced |= {(agent, model) for model in models} - {(price.agent, price.model) for price in found}
        if asked:
            self._remember(unpriced)
        return prices

    @property
    def _memory(self) -> Path:
        return self.options.state_dir / "without_price.json"

    def _without_price(self) -> set[PricedModel]:
        """Return what this ccusage had no price of; it can be asked again, so a broken file counts as an empty one."""
        try:
            known = parse_json(self._memory.read_text("utf-8"))
            return {(agent, model) for agent, model in known[self._table]}
        except (OSError, ValueError, KeyError, TypeError):
            return set()

    def _remember(self, unpriced: Collection[PricedModel]) -> None:
        try:
            write_private_file(self._memory, json.dumps({self._table: sorted(unpriced)}))
        except ConfigurationError as error:
            logger.bind(reason=str(error)).warning("what has no price could not be written down")

    @property
    def _table(self) -> str:
        return f"{self.runner.version} {'online' if self.options.online_prices else 'offline'}"


def _prices(source: PriceSource, agent: str, models: Sequence[str]) -> Iterator[ModelPrice]:
    # As in `parse_offer`: only whoever reads a report imports the models of reports.
    from ccusage_import.ccusage.models import DailyDocument
    from ccusage_import.ccusage.parser import money
    from ccusage_import.ccusage.validation import validate_report

    questions = list(_dated(_questions(CLASSES)))
    lines = [
        _message(f"{number}/{model}", day, model, question)
        for number, (day, question) in enumerate(questions)
        for model in models
    ]
    report = validate_report("daily", _report(source, CLAUDE, Path("projects", "prices", "prices.jsonl"), lines))
    rows = report.document.rows if isinstance(report.document, DailyDocument) else ()
    costs = {
        (part.model, row.day): money(part.cost) for row in rows for part in row.breakdowns if not part.is_price_missing
    }
    for model in models:
        answers = {question: costs[model, day] for day, question in questions if (model, day) in costs}
        if price := _price(agent, model, CLASSES, answers):
            yield price


def _codex_prices(source: PriceSource, models: Sequence[str]) -> Iterator[ModelPrice]:
    """Ask for each model on days of its own: of codex there is one cost a day."""
    from ccusage_import.ccusage.models import CodexDailyDocument
    from ccusage_import.ccusage.parser import money
    from ccusage_import.ccusage.validation import validate_report

    asked = list(_dated(product(models, _questions(CODEX_CLASSES))))
    lines, total = list[Line](), _codex_usage(0, 0, 0)
    for day, (model, question) in asked:
        usage = _codex_usage_of(question)
        total = {name: count + usage[name] for name, count in total.items()}
        lines.append(_codex_event(day, model, usage, total))
    report = validate_report("codex daily", _report(source, CODEX, Path("sessions/2020/01/01/rollout.jsonl"), lines))
    rows = report.document.rows if isinstance(report.document, CodexDailyDocument) else ()
    costs = {row.day: money(row.cost) for row in rows if not any(part.is_price_missing for part in row.models.values())}
    for model in models:
        answers = {question: costs[day] for day, (name, question) in asked if name == model and day in costs}
        if price := _price(CODEX, model, CODEX_CLASSES, answers):
            yield price


def _questions(classes: Sequence[str]) -> Iterator[_Question]:
    for kind in classes:
        yield _Question(kind, STEP)
        yield _Question(kind, LONG, LONG)
        yield _Question(kind, LONG + STEP, LONG)


def _price(agent: str, model: str, classes: Sequence[str], answers: Mapping[_Question, Decimal]) -> ModelPrice | None:
    if len(answers) < 3 * len(classes) or not any(answers.values()):
        return None
    short, long = {}, {}
    for kind in classes:
        short[kind] = answers[_Question(kind, STEP)] * PER_MILLION
        more, less = answers[_Question(kind, LONG + STEP, LONG)], answers[_Question(kind, LONG, LONG)]
        long[kind] = (more - less) * PER_MILLION
    of_classes = [short.get(kind, short["input"]) for kind in CLASSES]
    of_long = [long.get(kind, long["input"]) for kind in CLASSES]
    differing = (None if usd == usual else usd for usd, usual in zip(of_long, of_classes, strict=True))
    return ModelPrice(agent, model, *of_classes, *differing)


def _report(source: PriceSource, agent: str, file: Path, lines: Sequence[Line]) -> bytes:
    """Return the daily report of made-up transcripts; what a killed run left of them is overwritten and removed.

    Raises:
        CcusageError: ccusage fails.
        ConfigurationError: the state directory cannot be written.
        OSError: the transcripts cannot be written.
    """
    directory = source.options.state_dir / "price_questions"
    timeout = min(source.options.timeout_seconds, QUICK_TIMEOUT_SECONDS)
    options = replace(source.options, claude_dirs=(directory,), timezone="UTC", mode="calculate", attempts=1)
    options = replace(options, timeout_seconds=timeout)
    try:
        (directory / file).parent.mkdir(parents=True, exist_ok=True)
        # ccusage overlooks lines with a blank after a colon.
        encode = json.JSONEncoder(separators=(",", ":")).encode
        (directory / file).write_text("".join(f"{encode(line)}\n" for line in lines), "utf-8")
        label = report_label("daily", agent)
        environ = {**source.environ, "CODEX_HOME": str(directory)}
        fetched = fetch_reports(source.runner, [label], options, environ)[label]
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    if isinstance(fetched, CcusageError):
        raise fetched
    return fetched.output


def _dated(questions: Iterable[T]) -> Iterator[tuple[date, T]]:
    return ((FIRST_DAY + timedelta(days=number), question) for number, question in enumerate(questions))


def _printed(day: date) -> str:
    return datetime.combine(day, time(12), UTC).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def _message(name: str, day: date, model: str, question: _Question) -> Line:
    counts = dict.fromkeys(CLASSES, 0)
    counts["input"] += question.beside
    counts[question.kind] += question.tokens
    usage: Line = {
        "input_tokens": counts["input"],
        "output_tokens": counts["output"],
        "cache_creation_input_tokens": counts["cache_creation"] + counts["cache_creation_1h"],
        "cache_creation": {
            "ephemeral_5m_input_tokens": counts["cache_creation"],
            "ephemeral_1h_input_tokens": counts["cache_creation_1h"],
        },
        "cache_read_input_tokens": counts["cache_read"],
    }
    if model.startswith(CLAUDE) and model.endswith(FAST):
        usage["speed"] = "fast"
        model = model.removesuffix(FAST)
    message = {"id": f"msg_{name}", "model": model, "usage": usage}
    common = {"timestamp": _printed(day), "sessionId": "prices", "version": "2.0.14"}
    return {**common, "requestId": f"req_{name}", "message": message}


def _codex_usage_of(question: _Question) -> dict[str, int]:
    of = {question.kind: question.tokens}
    cached = of.get("cache_read", 0)
    return _codex_usage(question.beside + of.get("input", 0) + cached, cached, of.get("output", 0))


def _codex_usage(all_input: int, cached: int, output: int) -> dict[str, int]:
    return {
        "input_tokens": all_input,
        "cached_input_tokens": cached,
        "output_tokens": output,
        "reasoning_output_tokens": 0,
        "total_tokens": all_input + output,
    }


def _codex_event(day: date, model: str, usage: dict[str, int], total: dict[str, int]) -> Line:
    info = {"model": model, "last_token_usage": usage, "total_token_usage": total}
    payload = {"type": "token_count", "info": info}
    return {"timestamp": _printed(day), "type": "event_msg", "payload": payload}

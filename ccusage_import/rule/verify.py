"""Stored against what ccusage says now, and reports against each other; every difference is explained or named."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from zoneinfo import ZoneInfo

from ccusage_import.records import CLAUDE, FILED_BY_DAY, Identity, Provenance, Record
from ccusage_import.rule.evidence import first_day, span
from ccusage_import.rule.explain import WORDS, reason_in_words
from ccusage_import.rule.ledger_check import Compared, LedgerSum, messages_against
from ccusage_import.rule.verdicts import UNEXPLAINED, Decision, Reason, Verdict
from ccusage_import.versions import PINNED_VERSION, PROGRESS_LINES_SINCE, TWO_LOADERS_SINCE

TWO_LOADERS = "ccusage 20.0.23 and later count days with one loader and months, sessions and blocks with another"
PROGRESS_LINES = "ccusage 20 counts usage in agent progress lines for days and projects only"
NO_MODEL = "some usage names no model, or the model <synthetic>"
NOT_YET = "not imported yet"
WAITING = {
    Verdict.NEW: f"{NOT_YET}: first seen since the last load",
    Verdict.GREW: f"{NOT_YET}: more tokens since the last load",
    Verdict.REPRICED: "same tokens, other prices",
}
DIRECTORY_MISSING = f"kept: {WORDS[Reason.DIRECTORY_MISSING]}"
OTHER_ZONE = "kept: filed by the days of another time zone"
PROJECT_TOTAL = "kept: a whole project, which ccusage 18 and older show as a session"
REAL_SESSION = "kept: a session, in place of which this ccusage shows its whole project"
MESSAGES_GONE = f"kept: {WORDS[Reason.MESSAGES_GONE]}"
TAKEN_BACK = f"kept: {WORDS[Reason.TAKEN_BACK]}"
NO_TIME_TOLD = "no longer shown by ccusage; kept because nobody knows how long its agent keeps what ccusage reads"
COUNTED_TWICE = "counted on {machines} too: a copied transcript, or one host under two names"
KEPT = "no longer shown by ccusage; kept because its transcripts may have been deleted"


@dataclass(frozen=True, slots=True)
class Difference:
    """Two numbers of tokens that are not equal; `explanation` is empty if nothing explains it."""

    check: str
    subject: str
    left_tokens: int
    right_tokens: int
    explanation: str


@dataclass(frozen=True, slots=True)
class Verification:
    """How many comparisons each check made, and every difference."""

    compared: Mapping[str, int]
    differences: Sequence[Difference]

    @property
    def unexplained(self) -> list[Difference]:
        """The differences that nothing explains."""
        return [difference for difference in self.differences if not difference.explanation]


def verify(
    stored: Sequence[Record],
    offered: Sequence[Record],
    decisions: Sequence[Decision],
    intact_from: date | None,
    version_info: tuple[int, int, int] | None,
    elsewhere: Sequence[Compared] = (),
    sums: Sequence[LedgerSum] = (),
    gone: Collection[Identity] = (),
    taken_back: Collection[Identity] = (),
) -> Verification:
    """Compare everything that must agree.

    Args:
        stored: what the warehouse shows for one machine.
        offered: what ccusage says now, all reports.
        decisions: what an import would do with the offer.
        intact_from: first day whose transcripts must still be there.
        version_info: the version of ccusage, None for saved files.
        elsewhere: sessions that stand under other machines too: their name, tokens here and there, the others' names.
        sums: what the messages of days and sessions add up to.
        gone: the stored records some of whose messages are not in the transcripts any more.
        taken_back: the records whose last change took a load back.
    """
    compared: Counter[str] = Counter()
    differences: list[Difference] = []
    twice = [(*session[:3], COUNTED_TWICE.format(machines=session[3])) for session in elsewhere]
    for check, found in (
        ("sessions of one machine", twice),
        ("stored = offered", list(_stored_against_offered(stored, offered, decisions, intact_from, gone, taken_back))),
        ("messages = daily", list(messages_against("daily", sums, stored, decisions, intact_from, PINNED_VERSION))),
        ("messages = session", list(messages_against("session", sums, stored, decisions, intact_from, PINNED_VERSION))),
        ("models = row", [_models_against_row(record) for record in offered if record.models]),
        ("projects = daily", _sums(offered, "projects", "daily", lambda record: record.day.isoformat(), "")),
        ("daily = monthly", _sums(offered, "daily", "monthly", _month, _loaders(version_info))),
        ("sessions = daily", _sums(offered, "session", "daily", _all_days, _loaders(version_info))),
        ("blocks = daily", _sums(offered, "blocks", "daily", _all_days, _loaders(version_info))),
        *_hours_against_blocks(offered),
    ):
        compared[check] = len(found)
        differences += [
            Difference(check, subject, left, right, explanation)
            for subject, left, right, explanation in found
            if left != right or explanation
        ]
    return Verification(compared, differences)


def _stored_against_offered(
    stored: Sequence[Record],
    offered: Sequence[Record],
    decisions: Sequence[Decision],
    intact_from: date | None,
    gone: Collection[Identity],
    taken_back: Collection[Identity],
) -> Iterator[Compared]:
    for decision in decisions:
        record = decision.record
        left = decision.stored.total_tokens if decision.stored else 0
        right = decision.offered.total_tokens if decision.offered else 0
        yield _subject(record), left, right, _explained(decision, intact_from)
    shown = {record.identity for record in offered}
    judged = {decision.record.identity for decision in decisions}
    fetched = {record.label for record in offered}
    read_with = {record.agent: record.provenance for record in offered}
    shows_projects = {record.label for record in offered if record.is_project_total}
    for record in stored:
        if record.label in fetched and record.identity not in shown | judged:
            kept = MESSAGES_GONE if record.identity in gone else _why_kept(record, read_with[record.agent], intact_from)
            held = (one for one in decisions if one.verdict is Verdict.HELD and _is_instead(one, record))
            back = TAKEN_BACK if record.identity in taken_back else ""
            real = REAL_SESSION if record.label in shows_projects else ""
            why = kept or back or real or next((_explained(one, intact_from) for one in held), "")
            yield _subject(record), record.total_tokens, 0, why


def _is_instead(decision: Decision, record: Record) -> bool:
    """Whether what was judged would take the place of a record that is not offered any more."""
    one = decision.record
    if (one.report, one.agent) != (record.report, record.agent):
        return False
    if record.report == "blocks":
        return span(one).overlaps(span(record))
    if record.report == "session":
        return bool(one.session_id) and one.session_id == record.session_id
    return decision.reason is Reason.TAKEN_BACK and one.day == record.day


def _why_kept(record: Record, now: Provenance, intact_from: date | None) -> str:
    if record.agent != CLAUDE:
        return NO_TIME_TOLD
    if record.is_project_total:
        return PROJECT_TOTAL
    if set(record.provenance.data_dirs) - set(now.data_dirs):
        return DIRECTORY_MISSING
    if record.report in FILED_BY_DAY and record.provenance.timezone != now.timezone:
        return OTHER_ZONE
    zone = ZoneInfo(record.provenance.timezone)
    return KEPT if intact_from is None or first_day(record, zone) < intact_from else ""


def _explained(decision: Decision, intact_from: date | None) -> str:
    if decision.verdict in (Verdict.UNCHANGED, Verdict.REFRESHED) or decision.reason in UNEXPLAINED:
        return ""
    if decision.verdict in WAITING:
        return WAITING[decision.verdict]
    if decision.verdict is Verdict.CORRECTED:
        return f"the next import corrects it: {reason_in_words(decision, intact_from)}"
    return f"kept: {reason_in_words(decision, intact_from)}"


def _hours_against_blocks(offered: Sequence[Record]) -> Iterator[tuple[str, list[Compared]]]:
    """Compare the hours where they were asked for."""
    if any(record.report == "hours" for record in offered):
        yield "hours = blocks", _sums(offered, "hours", "blocks", _all_days, "")


def _models_against_row(record: Record) -> Compared:
    tokens = sum(sum(model.tokens) for model in record.models)
    return _subject(record), tokens, record.total_tokens, NO_MODEL if tokens < record.total_tokens else ""


def _sums(
    offered: Iterable[Record], left: str, right: str, group: Callable[[Record], str], explanation: str
) -> list[Compared]:
    """Compare the sums of two reports, group by group, for each agent."""
    sums: dict[tuple[str, str], dict[str, int]] = defaultdict(lambda: {left: 0, right: 0})
    reports = set()
    for record in offered:
        reports.add((record.report, record.agent))
        if record.report in (left, right):
            sums[record.agent, group(record)][record.report] += record.total_tokens
    return [
        (f"{agent} {name}", both[left], both[right], explanation if both[left] != both[right] else "")
        for (agent, name), both in sorted(sums.items())
        if {(left, agent), (right, agent)} <= reports
    ]


def _loaders(version_info: tuple[int, int, int] | None) -> str:
    if version_info is None or version_info >= TWO_LOADERS_SINCE:
        return TWO_LOADERS
    return PROGRESS_LINES if version_info >= PROGRESS_LINES_SINCE else ""


def _month(record: Record) -> str:
    return f"{record.day:%Y-%m}"


def _all_days(_: Record) -> str:
    return "all days"


def _subject(record: Record) -> str:
    return f"{record.label} {record.key}"

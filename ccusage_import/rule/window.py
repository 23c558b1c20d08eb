"""What the window and the sessions of its time tell of a group that fell: whether any usage may be gone. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import date
from zoneinfo import ZoneInfo

from ccusage_import.records import CLAUDE, FILED_BY_DAY, Provenance, Record, report_label
from ccusage_import.rule.context import Context
from ccusage_import.rule.evidence import ALWAYS, Session, Sessions, first_day
from ccusage_import.rule.groups import Group, Pair
from ccusage_import.rule.moves import Moves
from ccusage_import.rule.verdicts import UNEXPLAINED, Reason
from ccusage_import.versions import LAST_MAJOR_WITH_PROJECT_TOTALS


class Window:
    """The time whose transcripts cannot have been deleted yet, as one report of one agent is judged by it."""

    def __init__(self, agent: str, context: Context, sessions: Sessions, moves: Moves, *, is_empty: bool) -> None:
        """Judge by what the rule knows.

        Args:
            agent: whose report it is; nothing is known of how long others than Claude Code keep transcripts.
            context: what is known beyond the records.
            sessions: those of the agent, which tell whether all usage of a time is still offered.
            moves: what is known of messages.
            is_empty: the report offers nothing at all, which explains nothing.
        """
        self._agent = agent
        self._context = context
        self._sessions = sessions
        self._moves = moves
        self._is_empty = is_empty
        self._zone = ZoneInfo(context.provenance.timezone)

    @property
    def waits(self) -> bool:
        """Whether the sessions that tell where usage moved are not known this time."""
        return self._agent == CLAUDE and report_label("session", CLAUDE) in self._context.failed

    def explanation(self, group: Group) -> tuple[bool, Reason]:
        """Return whether a fall is taken, and what explains it or why nothing does."""
        now = self._context.provenance
        read_with = {pair.stored.provenance for pair in group.pairs if pair.stored is not None}
        if self._context.intact_from is None:
            return False, Reason.SAVED_FILES
        if self._is_empty:
            return False, Reason.UNEXPLAINED
        if not all(self.is_intact(pair) for pair in group.pairs):
            return False, Reason.MAY_BE_SWEPT
        if self.is_directory_missing(group):
            return False, Reason.DIRECTORY_MISSING
        if doubt := self.doubt(group):
            return False, doubt
        if change := _changed(read_with, now):
            if change is Reason.VERSION_CHANGED and self._may_be_cut(group):
                return False, Reason.SESSIONS_UNKNOWN
            return (False, Reason.FELL_BEFORE) if self._any_fell_before(group) else (True, change)
        return False, Reason.UNEXPLAINED

    def _may_be_cut(self, group: Group) -> bool:
        """Whether a session of the time of a group may have lost its beginning, which it does not show."""
        return not group.is_session and any(item.hides_its_begin for item in self.sessions_of(group))

    def _any_fell_before(self, group: Group) -> bool:
        """Whether a group, or a session of its time, fell before anything was read differently."""
        records = [pair.stored for pair in group.pairs if pair.stored is not None]
        sessions = [] if group.is_session else self.sessions_of(group)
        return any(map(self.fell_before, (*records, *(record for session in sessions for record in session.records))))

    def fell_before(self, stored: Record) -> bool:
        """Whether a record fell while it was read as it is stored: what changed since does not explain that."""
        held = self._context.held(stored.identity)
        if held is None or held.offered.total_tokens >= stored.total_tokens:
            return False
        is_gone = held.reason in (Reason.FELL_BEFORE, Reason.MESSAGES_GONE)
        return is_gone or held.offered.provenance == stored.provenance

    def why_it_fell_before(self, stored: Record) -> Reason:
        """Return why a record fell that did so before."""
        held = self._context.held(stored.identity)
        return held.reason if held and held.reason is Reason.MESSAGES_GONE else Reason.FELL_BEFORE

    def is_held_unexplained(self, group: Group) -> bool:
        """Whether nothing explained that a group fell: nor does it that a session grew since."""
        held = (self._context.held(pair.stored.identity) for pair in group.pairs if pair.stored is not None)
        reasons = (*UNEXPLAINED, Reason.MESSAGES_GONE, Reason.SESSION_GONE)
        return any(one is not None and one.reason in reasons for one in held)

    def rearranged(self, group: Group) -> tuple[bool, Reason]:
        """Return whether parts of a group that lost and gained are taken: they are, while no session lost anything."""
        return self.explanation(group) if self.lost_usage(group) else (True, Reason.MOVED)

    def lost_usage(self, group: Group) -> bool:
        """Return whether a session of the time of a group lost anything."""
        return any(item.fell for item in self.sessions_of(group))

    def saw_loss(self, group: Group) -> bool:
        """Return whether a session report shows that a session of the time of a group lost anything."""
        return self._sessions.is_known and self.lost_usage(group)

    def is_directory_missing(self, group: Group) -> bool:
        """Whether anything of a group was read from a directory that is not read this time."""
        now = set(self._context.provenance.data_dirs)
        return any(set(pair.stored.provenance.data_dirs) - now for pair in group.pairs if pair.stored is not None)

    def doubt(self, group: Group) -> Reason | None:
        """Return why the transcripts of a group may be gone; None where each session of its time is wholly there."""
        found = self.sessions_of(group)
        # Of a copy that took the beginning over, nothing of the time fell.
        is_cut = group.fell and any(item.is_cut for item in found)
        if group.is_session:
            return Reason.SESSION_GONE if is_cut or not group.is_offered else None
        # Sessions that do not account for all that is stored are not all the sessions there were.
        known = sum(item.stored_tokens for item in found if self._tells_of(item, group))
        needed = max(group.stored_tokens, self._sessions.filed_since(group.stored_spans))
        if not self._sessions.is_known or known < needed:
            return Reason.SESSIONS_UNKNOWN
        is_gone = is_cut or any(item.is_gone or self._moves.lost_any(item.records) for item in found)
        return Reason.SESSION_GONE if is_gone else None

    def _tells_of(self, session: Session, group: Group) -> bool:
        """Whether a session was at the time of a group, by when it began.

        Where that was not shown, it must be there still, and not be written anew since the group was.
        """
        record, now = group.pairs[0].record, self._context.provenance
        if self._agent != CLAUDE:
            return True
        if record.report == "projects" and record.project not in session.projects:
            return False
        spans = group.stored_spans
        if session.span.starts_at > ALWAYS:
            return any(session.span.touches(one) for one in spans)
        is_of_now = any(pair.stored is not None and pair.stored.provenance == now for pair in group.pairs)
        if not is_of_now and any(one.provenance == now for one in session.records):
            return False
        return not session.offered or any(one.touches(other) for one in session.offered for other in spans)

    def sessions_of(self, group: Group) -> list[Session]:
        """Return the stored sessions of the time of a group; a session itself is the only one that it is made of."""
        if group.is_session:
            return self._sessions.named(group.pairs[0].record)
        record = group.pairs[0].record
        found = self._sessions.touching(group.stored_spans, record.project if record.report == "projects" else "")
        # Whoever showed this record showed its real sessions, too.
        return [item for item in found if not item.is_total] if _shows_sessions(group) else found

    def is_refiled(self, group: Group) -> bool:
        """Whether another zone filed usage of the group under its own days; of a project that is gone, none did."""
        report = group.pairs[0].record.report
        if report not in FILED_BY_DAY or (report == "projects" and not group.is_offered):
            return False
        # What another warehouse offers was not all read in one zone.
        zones = {pair.offered.provenance.timezone for pair in group.pairs if pair.offered is not None}
        zones = zones or {self._context.provenance.timezone}
        return any(
            pair.stored.provenance.timezone not in ({pair.offered.provenance.timezone} if pair.offered else zones)
            for pair in group.pairs
            if pair.stored is not None
        )

    def is_intact(self, pair: Pair) -> bool:
        """Whether no transcript of what is stored and offered under a key can have been deleted yet."""
        first = self._context.intact_from
        if self._agent != CLAUDE or first is None:
            return False
        known, *others = (first_day(record, self._zone) for record in (pair.stored, pair.offered) if record)
        # Where what is offered does not show its start, the stored start counts.
        return known >= first and all(day >= first or day == date.min for day in others)


def _shows_sessions(group: Group) -> bool:
    """Whether all that is stored of a group was read by a ccusage that shows no projects in place of sessions."""
    versions = (pair.stored.provenance.ccusage_version for pair in group.pairs if pair.stored is not None)
    majors = [version.partition(".")[0] for version in versions]
    return all(major.isdigit() and int(major) > LAST_MAJOR_WITH_PROJECT_TOTALS for major in majors)


def _changed(read_with: Collection[Provenance], now: Provenance) -> Reason | None:
    """Return what most of a group was read with differently, of several the first one in this order.

    Anything unknown, as with saved files, explains nothing.
    """
    pairs: Mapping[Reason, Iterable[tuple[object, object]]] = {
        Reason.VERSION_CHANGED: ((then.ccusage_version, now.ccusage_version) for then in read_with),
        Reason.TIMEZONE_CHANGED: ((then.timezone, now.timezone) for then in read_with),
        Reason.MODE_CHANGED: ((then.cost_mode, now.cost_mode) for then in read_with),
        Reason.DIRECTORIES_CHANGED: ((sorted(then.data_dirs), sorted(now.data_dirs)) for then in read_with),
    }
    changed = {
        reason: sum(bool(before and after and before != after) for before, after in both)
        for reason, both in pairs.items()
    }
    most = max(changed, key=changed.__getitem__)
    return most if changed[most] else None

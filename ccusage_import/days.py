"""Days as people name them, as a date or by how long ago it was, and times as they read them, in a zone."""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from ccusage_import.exceptions import ConfigurationError

DAYS = 'a day such as 2026-10-01, today, yesterday, 7d or "7 days ago"'
# Of ClickHouse's type Date.
FIRST_OF_ALL, LAST_OF_ALL = date(1970, 1, 1), date(2149, 6, 6)
_WORDS = {"today": 0, "yesterday": 1}
_AGO = re.compile(r"(\d{1,6}) ?(?:d|days? ago)", re.ASCII)


def today_in(timezone: str) -> date:
    """Return the day that it is in a zone."""
    return datetime.now(ZoneInfo(timezone)).date()


def next_month(day: date) -> date:
    """Return the first day of the month after that of `day`."""
    return (day.replace(day=28) + timedelta(days=4)).replace(day=1)


def storable(day: date) -> date:
    """Return a day, or the one next to it that ClickHouse can store."""
    return min(max(day, FIRST_OF_ALL), LAST_OF_ALL)


def utc_instant(value: datetime) -> datetime:
    """Return an instant in UTC, cut to milliseconds."""
    utc = value.astimezone(UTC)
    beyond = utc.microsecond % 1000
    return utc.replace(microsecond=utc.microsecond - beyond) if beyond else utc


def moment(instant: datetime, timezone: str) -> str:
    """Return an instant as a day and a time of a zone."""
    return f"{instant.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M}"


def zoned_moment(instant: datetime, timezone: str) -> str:
    """Return an instant as a day and a time of a zone, and the name of that."""
    return f"{instant.astimezone(ZoneInfo(timezone)):%Y-%m-%d %H:%M %Z}"


def weekday_moment(instant: datetime, zone: ZoneInfo) -> str:
    """Return an instant of these days as a weekday, a day and a time of a zone, and the name of that."""
    return f"{instant.astimezone(zone):%a %d %b %H:%M %Z}"


def ago(instant: datetime, now: datetime) -> str:
    """Return how long ago an instant was, in its largest whole unit; what is to come counts as now."""
    minutes = max(0, int((now - instant).total_seconds() // 60))
    if minutes < 1:
        return "just now"
    if minutes < 2 * 60:
        return f"{minutes} min ago"
    return f"{minutes // 60} hours ago" if minutes < 2 * 24 * 60 else f"{minutes // (24 * 60)} days ago"


def parse_day(text: str, today: date) -> date:
    """Return the day that a text names.

    Raises:
        ValueError: it names none.
    """
    named = " ".join(text.lower().split())
    back = _AGO.fullmatch(named)
    try:
        if back or named in _WORDS:
            return today - timedelta(days=int(back[1]) if back else _WORDS[named])
        return date.fromisoformat(named)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is not a day") from None


def day_of_option(option: str, text: str, today: date) -> date:
    """Return the day that an option names.

    Raises:
        ConfigurationError: it names none.
    """
    try:
        return parse_day(text, today)
    except ValueError:
        raise ConfigurationError(f"{option} {text}: is not a day", hint=f"give {DAYS}") from None


def period_of_options(since: str | None, until: str | None, today: date) -> tuple[date | None, date | None]:
    """Return the days that `--since` and `--until` name, each as far as it is given.

    Raises:
        ConfigurationError: one names none, or the last day is before the first one.
    """
    first = day_of_option("--since", since, today) if since else None
    last = day_of_option("--until", until, today) if until else None
    if first and last and last < first:
        raise ConfigurationError(
            f"--until {until}: ends before --since {since} begins", hint="--since names the earlier day"
        )
    return first, last


def month_of_option(option: str, text: str) -> tuple[date, date]:
    """Return the first and the last day of the month that an option names, such as 2026-10.

    Raises:
        ConfigurationError: it names none.
    """
    try:
        first = date.fromisoformat(f"{text.strip()}-01")
        return first, next_month(first) - timedelta(days=1)
    except (ValueError, OverflowError):
        raise ConfigurationError(f"{option} {text}: is not a month", hint="give a month such as 2026-10") from None


def days_of_option(option: str, text: str, today: date) -> tuple[date, date]:
    """Return the first and the last day of a range FROM..TO, or of one day.

    Raises:
        ConfigurationError: it is not a range.
    """
    first, _, last = text.partition("..")
    if not first.strip():
        raise ConfigurationError(f"{option} {text}: names no first day", hint="give FROM..TO, or one day")
    days = day_of_option(option, first, today), day_of_option(option, last or first, today)
    if days[0] > days[1]:
        raise ConfigurationError(f"{option} {text}: ends before it begins", hint="the first day comes first: FROM..TO")
    return days

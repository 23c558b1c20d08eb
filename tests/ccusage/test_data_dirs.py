"""Which Claude data directories there are, and from which day on their transcripts must be complete."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from ccusage_import.ccusage.data_dirs import Sources, cleanup_period_days, find_sources
from ccusage_import.exceptions import DataDirectoryError

NOW = datetime(2026, 5, 31, 12, tzinfo=UTC)


def data_directory(path: Path, settings: str | bytes | None = None) -> Path:
    """A Claude data directory; `settings` is the content of its settings.json."""
    (path / "projects").mkdir(parents=True)
    if settings is not None:
        (path / "settings.json").write_bytes(settings.encode() if isinstance(settings, str) else settings)
    return path


# --- the window ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "days", "intact_from"),
    [
        (None, 30, "2026-05-02"),
        ("{}", 30, "2026-05-02"),
        ('{"cleanupPeriodDays": 30}', 30, "2026-05-02"),
        ('{"cleanupPeriodDays": 7}', 7, "2026-05-25"),
        ('{"cleanupPeriodDays": 1}', 1, "2026-05-31"),
        # Everything may be gone at once: not even today is intact.
        ('{"cleanupPeriodDays": 0}', 0, "2026-06-01"),
        ('{"cleanupPeriodDays": 365}', 365, "2025-06-01"),
        ('{"cleanupPeriodDays": 99999}', 99999, "1752-08-17"),
        ('{"cleanupPeriodDays": 999999999999999999999}', 999999999999999999999, "0001-01-01"),
        ('{"cleanupPeriodDays": -1}', 30, "2026-05-02"),
        ('{"cleanupPeriodDays": "7"}', 30, "2026-05-02"),
        ('{"cleanupPeriodDays": null}', 30, "2026-05-02"),
        ('{"cleanupPeriodDays": [7]}', 30, "2026-05-02"),
        ('{"env": {"cleanupPeriodDays": 7}}', 30, "2026-05-02"),
        ("[7]", 30, "2026-05-02"),
        ("{", 30, "2026-05-02"),
        pytest.param("[" * 100_000, 30, "2026-05-02", id="nested too deeply"),
        ("", 30, "2026-05-02"),
        (b"\xff\xfe", 30, "2026-05-02"),
    ],
)
def test_the_clean_up_period_sets_the_window(
    tmp_path: Path, settings: str | bytes | None, days: int, intact_from: str
) -> None:
    directory = data_directory(tmp_path / ".claude", settings)
    assert cleanup_period_days(directory) == days
    assert Sources((directory,), ()).intact_from(NOW, UTC) == date.fromisoformat(intact_from)


@pytest.mark.parametrize("settings", ['{"cleanupPeriodDays": 7.0}', '{"cleanupPeriodDays": 7e0}'])
def test_a_number_that_javascript_takes_for_an_integer_is_one(tmp_path: Path, settings: str) -> None:
    assert cleanup_period_days(data_directory(tmp_path / ".claude", settings)) == 7


def test_settings_that_are_a_directory_set_nothing(tmp_path: Path) -> None:
    (tmp_path / "settings.json").mkdir()
    assert cleanup_period_days(tmp_path) == 30


def test_the_shortest_period_of_several_directories_counts(tmp_path: Path) -> None:
    found = tuple(
        data_directory(tmp_path / name, f'{{"cleanupPeriodDays": {days}}}')
        for name, days in (("one", 90), ("two", 7), ("three", 30))
    )
    assert Sources(found, ()).intact_from(NOW, UTC) == date(2026, 5, 25)


def test_a_directory_without_settings_counts_with_30_days(tmp_path: Path) -> None:
    found = data_directory(tmp_path / "one", '{"cleanupPeriodDays": 90}'), data_directory(tmp_path / "two")
    assert Sources(found, ()).intact_from(NOW, UTC) == date(2026, 5, 2)


def test_an_hour_that_summer_time_gave_back_is_not_in_the_window(tmp_path: Path) -> None:
    sources = Sources((data_directory(tmp_path / "one"),), ())
    berlin = ZoneInfo("Europe/Berlin")
    # On 2026-10-25 the clock went back: 30 days before 23:30 of 2026-11-20 it was 00:30 of 2026-10-22.
    assert sources.intact_from(datetime(2026, 11, 20, 23, 30, tzinfo=berlin), berlin) == date(2026, 10, 23)
    assert sources.intact_from(datetime(2026, 11, 20, 22, 30, tzinfo=berlin), berlin) == date(2026, 10, 22)


# --- directories --------------------------------------------------------------------------------------


def test_configured_directories_are_used_in_their_order(tmp_path: Path) -> None:
    one, two = data_directory(tmp_path / "one"), data_directory(tmp_path / "two")
    assert find_sources([two, one], {"HOME": str(tmp_path)}) == Sources((two, one), ())


def test_the_transcripts_directory_itself_may_be_named(tmp_path: Path) -> None:
    one = data_directory(tmp_path / "one")
    assert find_sources([one / "projects", one], {}) == Sources((one,), ())


def test_configured_directories_that_are_missing_are_named(tmp_path: Path) -> None:
    one, bare = data_directory(tmp_path / "one"), tmp_path / "bare"
    bare.mkdir()
    sources = find_sources([one, bare, tmp_path / "none"], {})
    assert sources == Sources((one,), (bare, tmp_path / "none"))
    assert sources.warnings() == [
        f"data directory {bare} is missing or has no projects/",
        f"data directory {tmp_path}/none is missing or has no projects/",
    ]


def test_a_file_named_projects_is_no_transcripts_directory(tmp_path: Path) -> None:
    (tmp_path / "projects").touch()
    with pytest.raises(DataDirectoryError):
        find_sources([tmp_path], {})


def test_claudes_own_places_are_searched(tmp_path: Path) -> None:
    environ = {"HOME": str(tmp_path)}
    old = data_directory(tmp_path / ".claude")
    assert find_sources([], environ) == Sources((old,), ())
    new = data_directory(tmp_path / ".config" / "claude")
    assert find_sources([], environ) == Sources((new, old), ())
    moved = data_directory(tmp_path / "xdg" / "claude")
    assert find_sources([], {**environ, "XDG_CONFIG_HOME": str(tmp_path / "xdg")}) == Sources((moved, old), ())
    assert find_sources([], {**environ, "XDG_CONFIG_HOME": ""}) == Sources((new, old), ())


def test_no_directory_at_all_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataDirectoryError) as caught:
        find_sources([], {"HOME": str(tmp_path)})
    assert str(caught.value) == (
        f"no Claude data directory: no folder `projects` in {tmp_path}/.config/claude or {tmp_path}/.claude"
    )
    assert caught.value.hint == "use Claude Code once, or name its directory: --claude-dir DIR"
    assert int(caught.value.exit_code) == 3


def test_configured_directories_are_not_replaced_by_claudes_own(tmp_path: Path) -> None:
    data_directory(tmp_path / ".claude")
    with pytest.raises(DataDirectoryError, match="no folder `projects` in .*/none$"):
        find_sources([tmp_path / "none"], {"HOME": str(tmp_path)})


def test_a_directory_below_a_folder_named_projects_misleads_ccusage(tmp_path: Path) -> None:
    below, beside = data_directory(tmp_path / "projects" / "shop" / ".claude"), data_directory(tmp_path / "my-projects")
    assert find_sources([below, beside], {}).warnings() == [
        f"data directory {below} lies below a folder named projects: ccusage takes its name for every project's"
    ]

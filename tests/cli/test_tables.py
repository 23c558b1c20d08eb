"""Tables in terminals of any width: what does not fit goes below, is left out, wraps or stands upright."""

from __future__ import annotations

import io

import pytest
from rich.console import Console
from rich.text import Text

from ccusage_import.ui.tables import Hanging, Joined, PlainTable, console, print_wrapped


def shown(thing: object, width: int) -> list[str]:
    """Return the lines that a terminal of this width gets."""
    console = Console(file=io.StringIO(), width=width, highlight=False)
    console.print(thing)
    text = console.file
    assert isinstance(text, io.StringIO)
    return text.getvalue().splitlines()


def loads() -> PlainTable:
    """Return a table with a column of each kind."""
    table = PlainTable(
        ("load", "counts", "seconds", "cost", "why"),
        texts=("counts", "why"),
        below="why",
        wraps=("counts",),
        spare=("seconds",),
    )
    table.add_row(
        "179567", "10 new, 3 grew, 12 held, 90 facts", "1.5", "$1,685.00", "the month begins before 2026-10-28"
    )
    table.add_row("18", "nothing changed", "0.2", "-")
    return table


def test_a_table_that_fits_is_shown_whole() -> None:
    assert shown(loads(), 97) == [
        "load    counts                             seconds       cost  why",
        "179567  10 new, 3 grew, 12 held, 90 facts      1.5  $1,685.00  the month begins before 2026-10-28",
        "18      nothing changed                        0.2          -",
    ]


# Each width is the last one at which it is so.
@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (
            61,
            [
                "load    counts                             seconds       cost",
                "179567  10 new, 3 grew, 12 held, 90 facts      1.5  $1,685.00",
                "  the month begins before 2026-10-28",
                "18      nothing changed                        0.2          -",
            ],
        ),
        (
            52,
            [
                "load    counts                                  cost",
                "179567  10 new, 3 grew, 12 held, 90 facts  $1,685.00",
                "  the month begins before 2026-10-28",
                "18      nothing changed                            -",
            ],
        ),
        (
            48,
            [
                "load    counts                seconds       cost",
                "179567  10 new, 3 grew, 12        1.5  $1,685.00",
                "        held, 90 facts",
                "  the month begins before 2026-10-28",
                "18      nothing changed           0.2          -",
            ],
        ),
        (
            39,
            [
                "load    counts                     cost",
                "179567  10 new, 3 grew, 12    $1,685.00",
                "        held, 90 facts",
                "  the month begins before 2026-10-28",
                "18      nothing changed               -",
            ],
        ),
        (
            30,
            [
                "load     179567",
                "counts   10 new, 3 grew, 12",
                "         held, 90 facts",
                "seconds  1.5",
                "cost     $1,685.00",
                "why      the month begins",
                "         before 2026-10-28",
                "",
                "load     18",
                "counts   nothing changed",
                "seconds  0.2",
                "cost     -",
                "",
            ],
        ),
    ],
)
def test_what_does_not_fit_goes_below_is_left_out_wraps_or_stands_upright(width: int, lines: list[str]) -> None:
    assert shown(loads(), width) == lines


def test_a_table_goes_on_in_columns_that_are_no_narrower() -> None:
    more = loads().continued()
    more.add_row("2", "1 new", "10000.5", "$1.00")

    assert [*shown(loads(), 100)[:2], *shown(more, 100)] == [
        "load    counts                             seconds       cost  why",
        "179567  10 new, 3 grew, 12 held, 90 facts      1.5  $1,685.00  the month begins before 2026-10-28",
        "2       1 new                              10000.5      $1.00",
    ]
    assert shown(more, 20) == ["load     2", "counts   1 new", "seconds  10000.5", "cost     $1.00", ""]


def test_the_first_column_may_have_no_name_and_is_never_lost() -> None:
    table = PlainTable(("", "found"), texts=("found",), wraps=("found",))
    table.add_row(Text("fail", style="red"), Text("one two three four five six seven\nhint: eight"))

    assert shown(table, 30) == [
        "      found",
        "fail  one two three four five",
        "      six seven",
        "      hint: eight",
    ]


def test_the_room_that_a_short_column_leaves_is_for_the_long_one() -> None:
    table = PlainTable(("name", "in full"), texts=("in full",), wraps=("name", "in full"))
    table.add_row("shop", "/home/ana/work and all that lies below")

    assert shown(table, 30) == ["name  in full", "shop  /home/ana/work and all", "      that lies below"]


def test_a_long_line_goes_on_further_in_and_parts_are_not_broken() -> None:
    assert shown(Hanging("one two three four", indent=2), 12) == ["  one two", "    three", "    four"]
    parts = Joined(["machine laptop", "days in UTC", "load 1"])
    assert shown(parts, 37) == ["machine laptop · days in UTC · load 1"]
    assert shown(parts, 36) == ["machine laptop · days in UTC", "load 1"]
    assert shown(Joined(["evil\x1b"]), 30) == ["evil\\u001b"]


def test_a_pipe_is_as_wide_as_any_line(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.delenv("COLUMNS", raising=False)
    line = " ".join(["word"] * 1_000)
    table = PlainTable(("load", "error"), texts=("error",), below="error")
    table.add_row("1", line)

    print_wrapped(line)
    console().print(table)

    assert capsys.readouterr().out.splitlines() == [line, "load  error", f"1     {line}"]


def test_a_cell_of_several_lines_is_as_wide_as_the_longest_and_holds_nothing_that_a_terminal_obeys() -> None:
    table = PlainTable(("what", "n"))
    table.add_row(Text("one\nthree\x1b[2J"), "1")

    assert shown(table, 40) == ["what            n", "one             1", "three\\u001b[2J"]

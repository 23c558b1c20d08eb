"""The page of `report` in a real browser: drawn, readable, reachable by keyboard, printed; deaf to hostile names."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import Program, chromium, copy_template, program_in
from tests.support.ccusage_install import install
from tests.support.claude_dir import ClaudeDir, days_ago, today
from tests.support.exhaustive import some_of
from tests.support.pages import Seen

LIBRARY = Path(__file__).parent.parent.parent / "ccusage_import" / "digest" / "echarts"
AXE_VERSION = "4.14.1"
ECHARTS_VERSION = "6.1.0"
HTML_VALIDATE_VERSION = "10.9.0"
HOSTILE_PROJECTS = (
    '"><img src=x onerror=window.hacked=1>',
    "'-window.hacked=1;-'",
    "<svg onload=window.hacked=1>",
    "{{ 7 * 7 }}{% raw %}",
    "<!--<script>window.hacked=1",
)
HOSTILE_MODEL = "</script><script>window.hacked=1</script>"
LIGHT_BAR, DARK_BAR = "#2f6db5", "#6aa5e8"

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium, which .ci/run installs")


def imported(program: Program, claude: ClaudeDir, *arguments: str) -> None:
    done = program("import", "--claude-dir", claude.root, *arguments)
    assert done.exit_code == 0, done.stderr


def made(program: Program, claude: ClaudeDir, *arguments: str) -> Path:
    imported(program, claude, *arguments)
    return reported(program)


def reported(program: Program, **environ: str) -> Path:
    done = program("report", **environ)
    assert (done.exit_code, done.stderr) == (0, "")
    return Path(done.stdout.strip())


def some_days(claude: ClaudeDir, days: int) -> ClaudeDir:
    """Use two models in two projects on each of the last days."""
    for day in range(days):
        claude.say(f"shop-{day}", days_ago(day, 0), 20_000 + 1000 * (day % 7))
        opus = "claude-opus-4-1-20250805"
        claude.say(f"blog-{day}", days_ago(day, 0, 5), 10_000, project="-home-ana-blog", model=opus)
    return claude


@pytest.fixture(scope="module")
def new_user(
    tmp_path_factory: pytest.TempPathFactory, ccusage20: Path, template: Path
) -> Callable[[], tuple[Program, ClaudeDir]]:
    """Makes a home with a warehouse without rows, and transcripts."""

    def new() -> tuple[Program, ClaudeDir]:
        home, claude = (tmp_path_factory.mktemp(name) for name in ("home", "claude"))
        copy_template(template, home / ".local/share/ccusage-import/warehouse")
        return program_in(home, ccusage20), ClaudeDir(claude)

    return new


@pytest.fixture(scope="module")
def page_of(new_user: Callable[[], tuple[Program, ClaudeDir]]) -> Callable[[int], Path]:
    """Makes the page of so many days once."""

    def page(days: int) -> Path:
        program, claude = new_user()
        return made(program, some_days(claude, days))

    return cache(page)


def test_on_the_first_of_a_month_its_only_day_is_drawn(
    page_of: Callable[[int], Path], look: Callable[..., Seen], tmp_path: Path
) -> None:
    page, first = tmp_path / "first.html", str(today().replace(day=1))
    page.write_text(page_of(70).read_text("utf-8").replace(f'"today":"{today()}"', f'"today":"{first}"'), "utf-8")

    seen = look(page)

    assert seen.page.evaluate("data.today") == first
    # Its name in the legend is marked by it, too.
    lines = "drawn.get('cumulative').getOption().series.map(one => [one.name, one.symbol])"
    assert dict(seen.page.evaluate(lines)) | {"forecast": "none"} == {
        "this month": "circle", "last month": "none", "forecast": "none",
    }  # fmt: skip
    assert seen.colours("cumulative")[LIGHT_BAR] > 150


@pytest.mark.exhaustive
@pytest.mark.parametrize(
    ("days", "charts"),
    some_of(
        [
            (0, []),
            (1, ["days", "cumulative", "hours", "projects"]),
            (70, ["days", "calendar", "cumulative", "months", "hours", "projects"]),
            (1000, ["days", "calendar", "cumulative", "months", "hours", "projects"]),
        ],
        2,
    ),
)
def test_every_chart_is_drawn_in_silence(
    page_of: Callable[[int], Path], look: Callable[..., Seen], days: int, charts: list[str]
) -> None:
    page, seen = page_of(days), None

    for width in (360, 1280):
        for scheme in ("light", "dark"):
            seen = look(page, width=width, scheme=scheme, before=seen)

            assert seen.charts() == charts
            for chart in charts:
                # More than an empty frame: two thousand points of text and drawing. On the first of a month one day of
                # use is a dot beside a line at 0, in a frame of 1,857 points.
                is_dot = (days, chart, today().day) == (1, "cumulative", 1)
                assert sum(seen.colours(chart).values()) > (1880 if is_dot else 2000), chart
                assert len(seen.colours(chart)) > 1, chart
            assert seen.page.evaluate("document.documentElement.scrollWidth") == width
            assert seen.said == []
            assert seen.requested == [page.as_uri()]
    assert page.stat().st_size < 1_500_000


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_usage_that_costs_nothing_is_drawn_as_nothing(
    program: Program, claude: ClaudeDir, look: Callable[..., Seen]
) -> None:
    claude.say("one", days_ago(0, 0), 20_000, model="claude-of-tomorrow")

    seen = look(made(program, claude))

    assert seen.charts() == ["days", "hours", "projects"]
    seen.page.focus("#chart-days")
    seen.page.keyboard.press("ArrowRight")
    assert seen.said == []
    assert "$0.00*" in seen.page.inner_text("dl")


@pytest.mark.exhaustive
def test_what_is_drawn_is_also_a_table(page_of: Callable[[int], Path], look: Callable[..., Seen]) -> None:
    page = page_of(1)

    seen = look(page)

    seen.page.click("text=Numbers: Cost by day")
    cells = seen.page.eval_on_selector_all(
        "section:has(#chart-days) tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    day = str(days_ago(0).date())
    assert cells == [
        ["when", "together", "Opus 4.1", "Sonnet 4"],
        [day, "$1.05", "$0.75", "$0.30"],
    ]
    assert seen.page.get_attribute("#chart-days", "aria-label") == (
        f"Cost by day and model, {day}. The highest was {day} with $1.05. The numbers are in the table that follows."
    )


@pytest.mark.exhaustive
def test_the_table_of_the_calendar_begins_with_the_last_day(
    page_of: Callable[[int], Path], look: Callable[..., Seen]
) -> None:
    page = look(page_of(70)).page

    page.select_option("[name=measure]", "tokens")

    days = page.eval_on_selector_all(
        "section:has(#chart-calendar) tbody th", "cells => cells.map(cell => cell.textContent)"
    )
    assert days == [str(days_ago(day).date()) for day in range(70)]


@pytest.mark.exhaustive
def test_the_charts_follow_the_colour_scheme(page_of: Callable[[int], Path], look: Callable[..., Seen]) -> None:
    seen = look(page_of(3))
    assert LIGHT_BAR in seen.colours("projects")
    assert DARK_BAR not in seen.colours("projects")

    seen.page.emulate_media(color_scheme="dark")

    assert seen.comes_to(lambda: DARK_BAR in seen.colours("projects"))
    assert LIGHT_BAR not in seen.colours("projects")
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(18, 22, 28)"


@pytest.mark.exhaustive
def test_paper_is_light_and_shows_every_chart_as_one_drawing(
    page_of: Callable[[int], Path], look: Callable[..., Seen]
) -> None:
    seen = look(page_of(70), scheme="dark")

    # What the browser does before and after it prints; the drawings in between cannot be seen from outside.
    seen.page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for chart in seen.charts():
        assert seen.page.locator(f"#chart-{chart} canvas").count() == 1
        assert len(seen.colours(chart)) > 5
    assert LIGHT_BAR in seen.colours("projects")
    seen.page.evaluate("dispatchEvent(new Event('afterprint'))")
    assert DARK_BAR in seen.colours("projects")

    assert seen.page.pdf(format="A4").startswith(b"%PDF-")
    assert seen.comes_to(lambda: DARK_BAR in seen.colours("projects"))
    assert seen.said == []


def shows_a_tooltip(seen: Seen, chart: str) -> bool:
    before = seen.colours(chart)
    seen.page.keyboard.press("ArrowRight")
    return seen.comes_to(lambda: seen.colours(chart) != before)


def test_the_keyboard_reaches_and_walks_every_chart(page_of: Callable[[int], Path], look: Callable[..., Seen]) -> None:
    seen = look(page_of(70))
    reached = {}

    for _ in range(60):
        seen.page.keyboard.press("Tab")
        name = seen.page.evaluate("document.activeElement.dataset.chart")
        if name and name not in reached:
            reached[name] = shows_a_tooltip(seen, name)

    assert reached == dict.fromkeys(("days", "calendar", "cumulative", "months", "hours", "projects"), True)


@pytest.fixture(scope="module")
def page_of_all(new_user: Callable[[], tuple[Program, ClaudeDir]]) -> Path:
    """A page with all that may be on one: charts, what is held, a budget that is exceeded."""
    program, claude = new_user()
    claude.say("old", days_ago(40), 20_000)
    claude.say("older", days_ago(40), 20_000)
    imported(program, some_days(claude, 40))
    claude.delete("older")
    imported(program, claude)
    return reported(program, CCUSAGE_IMPORT_BUDGET='{"daily": 0.1}')


@pytest.mark.parametrize("scheme", ["light", pytest.param("dark", marks=pytest.mark.exhaustive)])
def test_axe_finds_nothing(page_of_all: Path, look: Callable[..., Seen], scheme: str) -> None:
    axe = install("axe-core", AXE_VERSION).parent / "axe-core" / "axe.min.js"
    seen = look(page_of_all, scheme=scheme)
    assert seen.page.locator("text=is exceeded").count() == 1
    assert seen.page.locator("#title-held").count() == 1
    seen.page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")

    seen.page.evaluate(axe.read_text("utf-8"))
    found = seen.page.evaluate("axe.run()")

    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    assert len(found["passes"]) > 15


@pytest.mark.usefixtures("own_warehouse")
def test_names_are_text_whatever_is_in_them(program: Program, claude: ClaudeDir, look: Callable[..., Seen]) -> None:
    for number, project in enumerate(HOSTILE_PROJECTS):
        claude.say(f"{number}{project}", days_ago(0, 0, number), 20_000 - number, project=project)
    claude.say("model", days_ago(0, 0, 30), 10_000, model=HOSTILE_MODEL)

    seen = look(made(program, claude, "--no-hash-projects", "--machine", "<b onmouseover=window.hacked=1>"))

    seen.page.eval_on_selector_all("details", "all => all.forEach(one => one.open = true)")
    text = seen.page.inner_text("body")
    for name in (*HOSTILE_PROJECTS, HOSTILE_MODEL, "<b onmouseover=window.hacked=1>"):
        assert name in text
    # The tooltip holds a name too.
    for chart in seen.charts():
        seen.page.focus(f"#chart-{chart}")
        seen.page.keyboard.press("ArrowDown")
    seen.page.wait_for_timeout(200)
    assert seen.page.evaluate("window.hacked") is None
    assert seen.page.locator("img, svg[onload], b").count() == 0
    assert seen.said == []
    assert len(seen.requested) == 1


def test_the_policy_stops_what_the_template_would_let_through(
    page_of: Callable[[int], Path], look: Callable[..., Seen], tmp_path: Path
) -> None:
    page = page_of(1).read_text("utf-8")
    broken = tmp_path / "broken.html"
    broken.write_text(page.replace("</main>", f"{HOSTILE_MODEL}<img src=http://127.0.0.1:9/x></main>"), "utf-8")

    seen = look(broken)

    assert seen.page.evaluate("window.hacked") is None
    assert seen.refused == [("http://127.0.0.1:9/x", "csp")]
    assert any("Content Security Policy" in line for line in seen.said)


@pytest.mark.parametrize("days", some_of([0, 40], 1))
def test_the_html_is_valid(page_of: Callable[[int], Path], tmp_path: Path, days: int) -> None:
    validator = install("html-validate", HTML_VALIDATE_VERSION) / "html-validate"
    page = page_of(days)
    config = tmp_path / "htmlvalidate.json"
    config.write_text(json.dumps({"extends": ["html-validate:standard", "html-validate:a11y"], "root": True}))

    done = subprocess.run(
        [validator, "--config", config, "--formatter", "text", page], capture_output=True, text=True, check=False
    )

    assert (done.stdout, done.returncode) == ("", 0)


def test_the_chart_library_is_the_released_file() -> None:
    library = (LIBRARY / "echarts.min.js").read_bytes()
    readme = (LIBRARY / "README.md").read_text("utf-8")
    package = install("echarts", ECHARTS_VERSION).parent / "echarts"

    assert sha256(library).hexdigest() == "b66b25aeb4df84e33199dc21694014d336d222cbd9deb0e5a7c14bd6aa0d0fd0"
    assert sha256(library).hexdigest() in readme
    assert f"echarts@{ECHARTS_VERSION}" in readme
    assert (package / "dist/echarts.min.js").read_bytes() == library
    for licence in ("LICENSE", "NOTICE", "licenses/LICENSE-d3"):
        assert (LIBRARY / Path(licence).name).read_bytes() == (package / licence).read_bytes()


def luminance(colour: str) -> float:
    """The relative luminance of WCAG 2.2."""
    parts = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    darker, lighter = sorted((luminance(one), luminance(other)))
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_is_drawn_stands_out(page_of: Callable[[int], Path], look: Callable[..., Seen], scheme: str) -> None:
    seen = look(page_of(1), scheme=scheme)

    def css(name: str) -> str:
        return str(seen.page.evaluate(f"css('{name}')"))

    # WCAG 2.2, 1.4.11 for bars, 1.4.3 for the text in cells; axe sees no canvas.
    for bar in (*range(8), "forecast"):
        assert contrast(css(f"chart-{bar}"), css("surface")) >= 3
    for cell in ("heat-low", "heat-high"):
        assert contrast(css("text"), css(cell)) >= 4.5
    assert contrast("#ffffff", "#000000") == 21

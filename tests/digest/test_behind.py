"""The way from what stands for days or a name on the report page to the sessions and prompts behind it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta
from pathlib import Path

import pytest

from tests.conftest import Program, chromium
from tests.support.ccusage_install import install
from tests.support.claude_dir import days_ago, today
from tests.support.pages import Seen, program_at
from tests.support.prompts import Session

SONNET = "claude-sonnet-4-20250514"
OPUS = "claude-opus-4-1-20250805"
AXE_VERSION = "4.14.1"

pytestmark = [
    pytest.mark.usefixtures("engine_stays"),
    pytest.mark.skipif(chromium() is None, reason="needs Chromium, which .ci/run installs"),
]


def yesterday() -> date:
    return days_ago(1).date()


def spring() -> date:
    return days_ago(200).date()


def shown(seen: Seen) -> list[list[str]]:
    """Return the cells of the tables that are open."""
    cells = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    found: list[list[str]] = seen.page.eval_on_selector_all("#behind tbody tr", cells)
    return found


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_a_day_leads_to_its_dearest_sessions_and_prompts(
    program: Program, look: Callable[..., Seen], tmp_path: Path
) -> None:
    root, shop = tmp_path / "claude", "-home-ana-src-web-shop"
    # It goes on over midnight: 1.50 $ and 0.30 $, each on its day.
    night = Session(root, "night", days_ago(1, 23), shop).prompt("/init").answer(100_000, model=SONNET)
    night.after(3601).prompt().answer(20_000, model=SONNET)
    for number in range(11):
        blog = Session(root, f"blog-{number:02}", days_ago(1, 9, number), "-home-ana-<b>blog")
        blog.prompt().answer(1000 + 100 * number, model=SONNET)
    assert program("import", "--claude-dir", root, "--machine", "desk", "--no-hash-projects").exit_code == 0
    page = tmp_path / "page.html"
    assert program("report", "--output", page).exit_code == 0
    seen = look(page)
    dearest = [
        ["night", "$1.50", "web-shop", "desk", "100,000"],
        *(
            [f"blog-{number:02}", cost, "<b>blog", "desk", f"{1000 + 100 * number:,}"]
            for number, cost in (
                (10, "$0.03"), (9, "$0.03"), (8, "$0.03"), (7, "$0.03"), (6, "$0.02"),
                (5, "$0.02"), (4, "$0.02"), (3, "$0.02"), (2, "$0.02"),
            )
        ),
        ["23:00", "$1.50", "/init", "web-shop", "desk", "night"],
        *(
            ["09:" + minute, "$0.03", "without a command", "<b>blog", "desk", f"blog-{minute}"]
            for minute in ("10", "09", "08", "07")
        ),
    ]  # fmt: skip

    assert seen.page.locator("#behind").is_hidden()
    seen.page.focus("#chart-days")
    seen.page.keyboard.press("ArrowRight")
    seen.page.keyboard.press("Enter")

    assert seen.page.locator(":focus").inner_text() == f"{yesterday():%a} {yesterday()}"
    assert shown(seen) == dearest
    assert "At most 10 sessions and 5 prompts" in seen.page.inner_text("#behind-note")
    seen.page.keyboard.press("Escape")
    assert seen.page.locator("#behind").is_hidden()
    assert seen.page.evaluate("document.activeElement.id") == "chart-days"

    seen.page.click("text=Numbers: Cost by day")
    seen.page.click(f"section:has(#chart-days) .numbers button:text-is('{today()}')")
    assert seen.page.locator(":focus").inner_text() == f"{today():%a} {today()}"
    assert shown(seen) == [
        ["night", "$0.30", "web-shop", "desk", "20,000"],
        ["00:00", "$0.30", "without a command", "web-shop", "desk", "night"],
    ]
    seen.page.click("#behind-close")

    # Left of the middle is the first of the two days.
    box = seen.page.locator("#chart-days").bounding_box()
    assert box is not None
    seen.page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.7)
    assert seen.comes_to(seen.page.locator("#behind").is_visible)
    assert shown(seen) == dearest
    assert seen.said == []
    assert seen.page.locator("b").count() == 0


@pytest.fixture(scope="module")
def two_machines(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of two machines: a desk that was used 450 and 200 days ago and yesterday, and a laptop of today."""
    folder = tmp_path_factory.mktemp("two-machines")
    desk, laptop, shop = folder / "desk" / "claude", folder / "laptop" / "claude", "-home-ana-src-web-shop"
    Session(desk, "ancient", days_ago(450), shop).prompt().answer(40_000, model=SONNET)
    for number in range(5):
        spring = Session(desk, f"spring-{number}", days_ago(200, 9, number), shop)
        spring.prompt("/init").answer(10_000 * (1 + number), model=SONNET)
    Session(desk, "late", days_ago(1, 21, 5), shop).prompt("/review").answer(100_000, model=SONNET)
    now = Session(laptop, "now", days_ago(0, 0, 2), "-home-ana-blog").prompt().answer(20_000, model=OPUS)
    now.after(60).prompt("/review").answer(1000, model=SONNET)
    page, warehouse = folder / "page.html", ("--warehouse", f"chdb://{folder}/warehouse")
    for claude in (desk, laptop):
        program = program_at(claude.parent)
        names = ("--claude-dir", claude, "--machine", claude.parent.name, "--no-hash-projects")
        assert program("import", *names, *warehouse).exit_code == 0
    assert program("report", "--output", page, *warehouse).exit_code == 0
    return page


def late() -> list[str]:
    return ["late", "$1.50", "web-shop", "desk", str(yesterday()), "100,000"]


def now() -> list[str]:
    return ["now", "$1.52", "blog", "laptop", str(today()), "21,000"]


def late_prompt() -> list[str]:
    return [f"{yesterday()} 21:05", "$1.50", "/review", "web-shop", "desk", "late"]


def now_prompts() -> list[list[str]]:
    return [
        [f"{today()} 00:02", "$1.50", "without a command", "blog", "laptop", "now"],
        [f"{today()} 00:03", "$0.02", "/review", "blog", "laptop", "now"],
    ]


def springs() -> list[list[str]]:
    return [
        [f"spring-{number}", cost, "web-shop", "desk", str(spring()), tokens]
        for number, cost, tokens in ((4, "$0.75", "50,000"), (3, "$0.60", "40,000"), (2, "$0.45", "30,000"))
    ]


def title(seen: Seen) -> str:
    """Return what has the focus."""
    return seen.page.locator(":focus").inner_text()


def entered(seen: Seen, chart: str, *keys: str) -> list[list[str]]:
    """Go through a chart by keys, enter what they reach, and return what is shown."""
    seen.page.focus(f"#chart-{chart}")
    for key in (*keys, "Enter"):
        seen.page.keyboard.press(key)
    assert seen.page.locator(f"section:has(#chart-{chart}) #behind").is_visible()
    return shown(seen)


@pytest.mark.exhaustive
def test_every_chart_leads_by_keyboard(two_machines: Path, look: Callable[..., Seen]) -> None:
    seen = look(two_machines)
    assert seen.charts() == ["days", "calendar", "cumulative", "months", "hours", "projects", "machines-cost"]

    assert entered(seen, "calendar", "ArrowRight") == [
        *([*told, tokens] for *told, _, tokens in springs()),
        ["09:04", "$0.75", "/init", "web-shop", "desk", "spring-4"],
    ]
    assert "At most 3 sessions and 1 prompt, those that cost most on this day" in seen.page.inner_text("#behind-note")
    assert title(seen) == f"{spring():%a} {spring()}"
    seen.page.keyboard.press("Escape")
    assert seen.page.evaluate("document.activeElement.id") == "chart-calendar"

    # The first month is older than what the page holds, and says so.
    ancient, first_held = days_ago(450), (days_ago(371).date()).replace(day=1)
    assert entered(seen, "months", "ArrowRight") == []
    assert title(seen) == f"Month {ancient:%Y-%m}"
    assert seen.page.inner_text("#behind-note") == (
        f"This is older than the sessions and prompts in this page, which begin on {first_held}."
    )

    assert entered(seen, "projects", "ArrowRight")[0] == late()
    assert title(seen) == "Project web-shop"
    assert f"Of the days since {first_held}." in seen.page.inner_text("#behind-note")
    assert entered(seen, "machines-cost", "ArrowLeft") == [now(), *now_prompts()]
    assert title(seen) == "Machine laptop"

    day = days_ago(0).day
    assert entered(seen, "cumulative", *["ArrowRight"] * day)[0] == now()
    assert title(seen) == f"Day {day} of this month and of the last one"
    assert seen.said == []


@pytest.mark.exhaustive
def test_hours_tables_and_small_bars_lead_too(two_machines: Path, look: Callable[..., Seen]) -> None:
    seen = look(two_machines)

    def pressed(section: str, text: str) -> list[list[str]]:
        seen.page.click(f"{section} button:text-is('{text}')")
        return shown(seen)

    seen.page.eval_on_selector_all(".numbers", "all => all.forEach(one => one.open = true)")
    hours = "section:has(#chart-hours)"
    assert pressed(hours, f"{yesterday():%A} 21:00") == [late_prompt()]
    assert title(seen) == f"{yesterday():%A} at 21:00"
    assert "a session as a whole has neither an hour nor a command" in seen.page.inner_text("#behind-note")
    assert pressed("[data-table=commands]", "/review") == [late_prompt(), now_prompts()[1]]
    assert title(seen) == "Command /review"
    assert pressed("[data-table=commands]", "prompts without a command") == [now_prompts()[0]]
    assert pressed("[data-table=models]", "Opus 4.1") == [
        ["now", "$1.50", "blog", "laptop", str(today()), "20,000"],
        now_prompts()[0],
    ]
    assert title(seen) == "Model Opus 4.1"
    assert pressed("section:has(#chart-calendar)", str(monday_of(spring())))[:3] == springs()
    assert title(seen) == f"Week from {monday_of(spring())}"
    # A table that is made anew by a filter leads as well, and to the same.
    seen.page.select_option("[name=measure]", "tokens")
    assert pressed("section:has(#chart-calendar)", str(yesterday()))[0] == [*late()[:4], "100,000"]

    seen.page.focus(".leads")
    seen.page.keyboard.press("Enter")
    assert title(seen) == "Last 7 days"
    assert shown(seen) == [
        now(),
        late(),
        now_prompts()[0],
        late_prompt(),
        now_prompts()[1],
    ]
    seen.page.click("#behind-close")
    assert seen.page.evaluate("document.activeElement.className") == "leads"
    assert seen.said == []


def monday_of(day: date) -> date:
    """Return the first day of the week of a day."""
    return day - timedelta(days=day.weekday())


@pytest.mark.exhaustive
def test_a_click_leads_from_squares_and_bars_and_arrows_are_announced(
    two_machines: Path, look: Callable[..., Seen]
) -> None:
    seen = look(two_machines, width=390)
    axe = (install("axe-core", AXE_VERSION).parent / "axe-core" / "axe.min.js").read_text("utf-8")

    for chart, place, name in (
        ("calendar", f"{{ calendarIndex: 0 }}, '{yesterday()}'", f"{yesterday():%a} {yesterday()}"),
        ("projects", "{ seriesIndex: 0 }, [0.1, 1]", "Project blog"),
    ):
        seen.page.locator(f"#chart-{chart}").scroll_into_view_if_needed()
        x, y = seen.page.evaluate(f"drawn.get('{chart}').convertToPixel({place})")
        box = seen.page.locator(f"#chart-{chart}").bounding_box()
        assert box is not None
        seen.page.mouse.click(box["x"] + x, box["y"] + y)
        assert seen.comes_to(lambda name=name: title(seen) == name), chart  # type: ignore[misc]
    seen.page.focus("#chart-machines-cost")
    seen.page.keyboard.press("ArrowDown")
    assert seen.page.inner_text("#reached") == "desk, cost $4.35"
    assert seen.page.evaluate("document.documentElement.scrollWidth") == 390
    # One agent has no chart.
    seen.page.evaluate("openBehind(BEHIND.agents('claude'), document.getElementById('chart-days'))")
    assert (title(seen), shown(seen)[:2]) == ("Agent claude", [now(), late()])

    seen.page.evaluate(axe)
    found = seen.page.evaluate("axe.run()")
    assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
    assert seen.said == []


def test_a_project_that_a_machine_never_used_is_drawn_as_nothing(two_machines: Path, look: Callable[..., Seen]) -> None:
    seen = look(two_machines)

    seen.page.select_option("[name=project]", label="blog")
    seen.page.select_option("[name=machine]", label="desk")

    assert seen.said == []
    sentences = seen.page.eval_on_selector_all(
        "section:has(#chart-days) [data-sentence]", "all => all.map(one => one.textContent)"
    )
    assert sentences == ["$0.00 in all, as chosen above."]

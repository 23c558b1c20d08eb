"""The way from a day of the report page to its dearest sessions and prompts, by mouse and by keyboard."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Program, chromium
from tests.support.claude_dir import days_ago
from tests.support.pages import Seen
from tests.support.prompts import Session

SONNET = "claude-sonnet-4-20250514"
YESTERDAY = days_ago(1).date()

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium, which .ci/run installs")


def shown(seen: Seen) -> list[list[str]]:
    """Return the cells of the tables of the day that is open."""
    cells = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    found: list[list[str]] = seen.page.eval_on_selector_all("#day tbody tr", cells)
    return found


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
        ["night", "web-shop", "desk", "$1.50", "100,000"],
        *(
            [f"blog-{number:02}", "<b>blog", "desk", cost, f"{1000 + 100 * number:,}"]
            for number, cost in (
                (10, "$0.03"), (9, "$0.03"), (8, "$0.03"), (7, "$0.03"), (6, "$0.02"),
                (5, "$0.02"), (4, "$0.02"), (3, "$0.02"), (2, "$0.02"),
            )
        ),
        ["23:00", "/init", "web-shop", "desk", "$1.50"],
        *(["09:" + minute, "without a command", "<b>blog", "desk", "$0.03"] for minute in ("10", "09", "08", "07")),
    ]  # fmt: skip

    assert seen.page.locator("#day").is_hidden()
    seen.page.focus("#chart-days")
    seen.page.keyboard.press("ArrowRight")
    seen.page.keyboard.press("Enter")

    assert seen.page.locator(":focus").inner_text() == f"{YESTERDAY:%a} {YESTERDAY}"
    assert shown(seen) == dearest
    assert "At most 10 sessions and 5 prompts" in seen.page.inner_text("#day-note")
    seen.page.keyboard.press("Escape")
    assert seen.page.locator("#day").is_hidden()
    assert seen.page.evaluate("document.activeElement.id") == "chart-days"

    today = days_ago(0).date()
    seen.page.click("text=Numbers: Cost by day")
    seen.page.click(f"section:has(#chart-days) .numbers button:text-is('{today}')")
    assert seen.page.locator(":focus").inner_text() == f"{today:%a} {today}"
    assert shown(seen) == [
        ["night", "web-shop", "desk", "$0.30", "20,000"],
        ["00:00", "without a command", "web-shop", "desk", "$0.30"],
    ]
    seen.page.click("#day-close")

    # Left of the middle is the first of the two days.
    box = seen.page.locator("#chart-days").bounding_box()
    assert box is not None
    seen.page.mouse.click(box["x"] + box["width"] * 0.3, box["y"] + box["height"] * 0.7)
    assert seen.comes_to(seen.page.locator("#day").is_visible)
    assert shown(seen) == dearest
    assert seen.said == []
    assert seen.page.locator("b").count() == 0

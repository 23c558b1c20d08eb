"""How the page is laid out in a real browser: nothing is cut, overlaps or overflows on any screen."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import chromium
from tests.support.ccusage_install import install
from tests.support.claude_dir import days_ago
from tests.support.exhaustive import all_but
from tests.support.pages import Seen, homes

AXE_VERSION = "4.14.1"
PAGES = ("demo", "empty", "held", "year", "fleet")
# Boxes that hold text and let it go beyond them; a table may scroll within its group.
CUT = """() => [...document.querySelectorAll("h1, h2, p, dt, dd, dd > span, summary, label, li, td, th, select")]
  .filter(one => one.checkVisibility() && getComputedStyle(one).display !== "inline")
  .filter(one => one.scrollWidth > one.clientWidth + 1)
  .map(one => one.outerHTML.slice(0, 120))"""
OVERLAPPING = """() => {
  const all = [...document.querySelectorAll("section, .figures > div, .filters")];
  const boxes = all.filter(one => one.checkVisibility());
  const found = [];
  for (const [at, one] of boxes.entries()) for (const other of boxes.slice(at + 1)) {
    const a = one.getBoundingClientRect(), b = other.getBoundingClientRect();
    if (a.left < b.right - 1 && b.left < a.right - 1 && a.top < b.bottom - 1 && b.top < a.bottom - 1) {
      found.push([one.textContent.trim().slice(0, 40), other.textContent.trim().slice(0, 40)]);
    }
  }
  return found;
}"""
# The texts that the chart library draws, where they are on their canvas.
DRAWN_TEXTS = """() => [...drawn].flatMap(([name, chart]) => {
  const drawings = chart.getZr().storage.getDisplayList(true).filter(one => one.type === "tspan" && !one.ignore);
  const texts = drawings.filter(one => one.style.text.trim()).map(one => {
    const box = one.getBoundingRect().clone();
    if (one.transform) box.applyTransform(one.transform);
    return { text: one.style.text, left: box.x, right: box.x + box.width, top: box.y, bottom: box.y + box.height };
  });
  const isCut = one => one.left < -1 || one.top < -1 || one.text.includes("…")
    || one.right > chart.getWidth() + 1 || one.bottom > chart.getHeight() + 1;
  const overlaps = (one, other) => one.left < other.right - 2 && other.left < one.right - 2
    && one.top < other.bottom - 3 && other.top < one.bottom - 3;
  return [
    ...(texts.length < 1 ? [`${name} has no text`] : []),
    ...texts.filter(isCut).map(one => `${name}: ${one.text} is cut`),
    ...texts.flatMap((one, at) => texts.slice(at + 1).filter(other => overlaps(one, other))
      .map(other => `${name}: ${one.text} overlaps ${other.text}`)),
  ];
})"""
DRAWN_OF_CACHE = """() => drawn.get("cache").getZr().storage.getDisplayList(true)
  .filter(one => one.type === "tspan" && !one.ignore).map(one => one.style.text)"""

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium, which .ci/run installs")


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Makes each page once."""
    made: dict[str, Path] = {}

    def page(name: str) -> Path:
        if name not in made:
            made[name] = homes()[name](tmp_path_factory.mktemp(name))
        return made[name]

    return page


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", all_but(["demo"], list(PAGES)))
def test_nothing_is_cut_overlaps_or_overflows(
    pages: Callable[[str], Path], look: Callable[..., Seen], name: str
) -> None:
    axe = (install("axe-core", AXE_VERSION).parent / "axe-core" / "axe.min.js").read_text("utf-8")
    seen = None
    for width in (390, 1280):
        seen = look(pages(name), width=width, before=seen)
        for scheme in ("light", "dark") if width == 390 else ("dark", "light"):
            seen.page.emulate_media(color_scheme=scheme)
            assert seen.page.evaluate("document.documentElement.scrollWidth") == width
            assert seen.page.evaluate(CUT) == []
            assert seen.page.evaluate(OVERLAPPING) == []
            if seen.charts():
                assert seen.page.evaluate(DRAWN_TEXTS) == []
        # Colours are those of the scheme, and the rest is the same in both.
        seen.page.evaluate(axe)
        found = seen.page.evaluate("axe.run()")
        assert [(one["id"], [node["html"] for node in one["nodes"]]) for one in found["violations"]] == []
        assert seen.said == []


def headings(seen: Seen) -> list[str]:
    found: list[str] = seen.page.eval_on_selector_all("dt, h2", "all => all.map(one => one.textContent)")
    return found


@pytest.mark.exhaustive
def test_the_first_row_answers_first(pages: Callable[[str], Path], look: Callable[..., Seen]) -> None:
    seen = look(pages("year"))

    assert headings(seen)[:4] == ["This month so far", "Today so far", "Last 7 days", "Kept beyond ccusage"]
    tops = seen.page.eval_on_selector_all(".figures > div", "all => all.map(one => one.getBoundingClientRect().top)")
    assert len(set(tops[:4])) == 1
    assert "of a budget of $400.00" in seen.page.inner_text("dl")
    assert seen.page.locator(".meter").count() == seen.page.locator(".spark").count() == 1
    assert pages("year").stat().st_size - 1_122_000 < 1_000_000


def test_what_was_kept_beyond_ccusage_is_told(pages: Callable[[str], Path], look: Callable[..., Seen]) -> None:
    seen = look(pages("held"))

    # 120,000 tokens of a day, of which 20,000 were deleted, and 60,000 of yesterday; 15 $ a million.
    assert "Kept beyond ccusage\n$0.30\nccusage shows $2.40, you kept $2.70" in seen.page.inner_text("dl")
    assert "1 message is gone from the transcripts: 20,000 tokens" in seen.page.inner_text(
        "[aria-labelledby=title-held]"
    )


@pytest.mark.exhaustive
def test_a_delta_needs_a_history_that_is_whole(pages: Callable[[str], Path], look: Callable[..., Seen]) -> None:
    year, held = (look(pages(name)).page.inner_text("dl") for name in ("year", "demo"))

    assert "in the 7 days to yesterday, against the 7 before" in year
    # The demo begins a month ago: the last month is not whole.
    assert "against the same days of the last month" not in held


@pytest.mark.exhaustive
def test_machines_are_compared_where_there_are_several(pages: Callable[[str], Path], look: Callable[..., Seen]) -> None:
    assert "machines-cost" in look(pages("fleet")).charts()
    assert "machines-cost" not in look(pages("year")).charts()


@pytest.mark.exhaustive
def test_filters_change_what_is_drawn_and_its_table(pages: Callable[[str], Path], look: Callable[..., Seen]) -> None:
    seen = look(pages("fleet"))
    before = seen.page.inner_text("section:has(#chart-days) [data-sentence]")

    seen.page.select_option("[name=range]", "7")
    seen.page.select_option("[name=machine]", label="desk")
    seen.page.select_option("[name=project]", label="shop")
    seen.page.select_option("[name=measure]", "tokens")

    assert seen.page.inner_text("section:has(#chart-days) [data-sentence]").endswith(" tokens in all, as chosen above.")
    seen.page.click("text=Numbers: Cost by machine")
    rows = seen.page.eval_on_selector_all(
        "section:has(#chart-machines-cost) tbody th", "all => all.map(one => one.textContent)"
    )
    assert rows == ["desk"]
    assert seen.page.is_hidden("section:has(#chart-hours)")
    for name, value in (("range", "all"), ("machine", ""), ("project", ""), ("measure", "cost")):
        seen.page.select_option(f"[name={name}]", value)
    assert seen.page.inner_text("section:has(#chart-days) [data-sentence]") == before
    assert seen.said == []


def test_tables_are_sorted_by_keyboard(pages: Callable[[str], Path], look: Callable[..., Seen]) -> None:
    seen = look(pages("fleet"))
    table = "[aria-labelledby=title-sessions] table"

    def costs() -> list[float]:
        cells = seen.page.eval_on_selector_all(
            f"{table} tbody td:nth-child(2)", "all => all.map(one => one.textContent)"
        )
        return [float(cell.lstrip("$")) for cell in cells]

    dearest = costs()
    seen.page.focus(f"{table} thead th:nth-child(2) button")
    seen.page.keyboard.press("Enter")
    assert seen.page.get_attribute(f"{table} thead th:nth-child(2)", "aria-sort") == "descending"
    seen.page.keyboard.press("Enter")
    assert seen.page.get_attribute(f"{table} thead th:nth-child(2)", "aria-sort") == "ascending"
    assert costs() == dearest[::-1]


def test_numbers_with_units_are_sorted_as_numbers(pages: Callable[[str], Path], look: Callable[..., Seen]) -> None:
    page = look(pages("fleet")).page

    def by_size(*cells: str) -> list[str]:
        found: list[str] = page.evaluate(
            """cells => {
              const table = filled({ columns: ["what", "number"], rows: cells.map(cell => ["", cell]) });
              sortable(table);
              document.body.append(table);
              table.querySelector(".number button").click();
              return [...table.querySelectorAll("td")].map(cell => cell.textContent);
            }""",
            cells,
        )
        return found

    assert by_size("45 s", "12 min", "", "9.5 s", "2 min") == ["12 min", "2 min", "45 s", "9.5 s", ""]
    assert by_size("9 cases", "12 cases", "1,000 cases") == ["1,000 cases", "12 cases", "9 cases"]
    assert by_size("+12 -900", "+1,234 -5", "+9 -1") == ["+1,234 -5", "+12 -900", "+9 -1"]
    assert by_size("$9.10", "-$3.00", "$12.00*") == ["$12.00*", "$9.10", "-$3.00"]


def test_what_the_cache_saved_is_money_whatever_is_shown(
    pages: Callable[[str], Path], look: Callable[..., Seen]
) -> None:
    page = look(pages("demo")).page
    texts = f"({DRAWN_OF_CACHE})()"
    before = page.evaluate(texts)

    page.select_option("[name=measure]", "tokens")

    assert any("$" in text for text in before)
    assert page.evaluate(texts) == before


@pytest.mark.exhaustive
def test_cost_is_in_view_on_a_phone(pages: Callable[[str], Path], look: Callable[..., Seen]) -> None:
    seen = look(pages("fleet"), width=390)

    for name in ("models", "sessions"):
        box = seen.page.locator(f"[aria-labelledby=title-{name}] tbody tr:first-child td").first.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= 390


def test_patterns_are_for_high_contrast_and_the_forecast_alone_is_hatched(
    pages: Callable[[str], Path], look: Callable[..., Seen]
) -> None:
    seen = look(pages("year"))
    patterned = "days(1200).option.series.filter(one => one.itemStyle.decal.symbol !== 'none').map(one => one.name)"

    assert seen.page.evaluate(patterned) in ([], ["forecast"])
    seen.page.emulate_media(contrast="more")
    assert "Sonnet 4.5" in seen.page.evaluate(patterned)


def test_a_tooltip_tells_the_weekday_and_the_total_first(
    pages: Callable[[str], Path], look: Callable[..., Seen]
) -> None:
    seen = look(pages("year"))
    yesterday = days_ago(1)

    shown = seen.page.evaluate(
        """day => {
          const { option } = days(1200), at = option.xAxis.data.indexOf(day);
          return option.tooltip.formatter(option.series.map(
            ({ name, data }) => ({ seriesName: name, value: data[at], dataIndex: at })));
        }""",
        f"{yesterday:%Y-%m-%d}",
    ).split("\n")

    assert shown[0] == f"{yesterday:%a %Y-%m-%d}"
    assert shown[1].startswith("total  $")
    costs = [float(line.split("$")[1]) for line in shown[2:]]
    assert len(costs) > 1
    assert costs == sorted(costs, reverse=True)

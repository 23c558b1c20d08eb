"""The page of `report` in a currency of one's own: what is drawn, said and sorted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.conftest import Program, chromium
from tests.support.claude_dir import ClaudeDir, days_ago
from tests.support.pages import Seen

pytestmark = pytest.mark.skipif(chromium() is None, reason="needs Chromium, which .ci/run installs")
CURRENCY = '{"code": "CHF", "rate": 0.8}'
CELLS = "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_the_page_is_converted_and_so_are_its_charts(
    program: Program, tmp_path: Path, look: Callable[..., Seen]
) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    # 3 and 15 dollars: sorted as texts, 12.00 would come before 2.40.
    claude.say("shop", days_ago(0, 0), 200_000)
    for minute in range(5):
        claude.say("blog", days_ago(0, 0, minute), 200_000, project="-home-ana-blog")
    program.environ |= {"CCUSAGE_IMPORT_CLAUDE_DIRS": str(claude.root), "CCUSAGE_IMPORT_CURRENCY": CURRENCY}
    assert program("import", "--quiet").exit_code == 0

    seen = look(Path(program("report").stdout.strip()))
    page = seen.page

    assert page.inner_text("dl .figure >> nth=0") == "CHF 14.40"
    assert "converted at 0.8 CHF per dollar" in page.inner_text("main")
    assert "The highest was" in page.inner_text("section:has(#chart-days) [data-sentence]")
    # What the scripts say is what Python said.
    page.select_option("[name=project]", label="shop")
    assert page.inner_text("section:has(#chart-days) [data-sentence]") == "CHF 2.40 in all, as chosen above."
    assert [page.evaluate(f"brief({value})") for value in ("2.5", "-0.5", "4", "12000")] == [
        "CHF 2.50", "-CHF 0.50", "CHF 4", "CHF 12K",
    ]  # fmt: skip
    page.evaluate(f"openBehind(BEHIND.days('{days_ago(0).date()}'), document.getElementById('chart-days'))")
    day = page.eval_on_selector_all("#behind-tables table:first-child tbody tr", CELLS)
    assert [cells[1] for cells in day] == ["CHF 12.00", "CHF 2.40"]
    for _ in range(2):
        page.click("section:has(#title-sessions) th button:text-is('cost')")
    costs = page.eval_on_selector_all("section:has(#title-sessions) tbody tr", CELLS)
    assert [cells[1] for cells in costs] == ["CHF 2.40", "CHF 12.00"]
    assert "$" not in page.inner_text("body")
    # Less than a hundredth reads as such, and what adding up leaves of nothing does not.
    assert [page.evaluate(f"money({value})") for value in ("0.0044", "-0.0044", "0.01", "0", "1e-12", "1234.5")] == [
        "CHF 0.0044", "-CHF 0.0044", "CHF 0.01", "CHF 0.00", "CHF 0.00", "CHF 1,234.50",
    ]  # fmt: skip
    assert seen.said == []

"""The page on which a person asks `serve`, in the browser."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.conftest import Program, chromium
from tests.serving.test_serve import imported, serving  # noqa: F401

pytestmark = [
    pytest.mark.exhaustive,
    pytest.mark.skipif(chromium() is None, reason="needs Chromium, which .ci/run installs"),
]
QUESTION = """SELECT toUInt64(13948820478037820188) AS turn_id, CAST(NULL AS Nullable(Int8)) AS nothing,
[('a', 1), ('b', 2)] AS pairs, '7' AS text, toDecimal64(1.5, 9) AS cost_usd"""


@pytest.fixture(scope="module")
def page(imported: tuple[Program, str]) -> Iterator[Page]:  # noqa: F811
    """The page, after its token was typed."""
    with serving(*imported) as served, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=["--no-sandbox", "--disable-gpu"])
        opened = browser.new_page()
        opened.goto(f"http://127.0.0.1:{served.port}/play")
        opened.fill("#token", served.token)
        yield opened
        browser.close()


def answered(page: Page, sql: str) -> str:
    """Ask with the keyboard alone, and return what is said below."""
    page.fill("#sql", sql)
    page.press("#sql", "Control+Enter")
    return said(page)


def said(page: Page) -> str:
    """Return how a question ended."""
    place = page.locator("#said")
    expect(place).to_have_text(re.compile(r"rows? in|Exception"))
    return place.inner_text()


def test_an_answer_is_shown_as_it_is(page: Page) -> None:
    assert answered(page, QUESTION).startswith("1 row in ")
    assert page.locator("#rows td").all_inner_texts() == ["13948820478037820188", "-", '[["a",1],["b",2]]', "7", "1.5"]
    for kind in ("th", "td"):
        looks = [cell.get_attribute("class") for cell in page.locator(f"#rows {kind}").all()]
        assert looks == ["number", "number", None, None, "number"], kind


def test_each_view_that_is_offered_answers(page: Page) -> None:
    answered(page, "SELECT 1")
    page.wait_for_selector("#views button")
    for button in page.locator("#views button").all():
        button.click()
        assert "Exception" not in said(page), button.inner_text()


def test_what_goes_wrong_is_said(page: Page) -> None:
    assert "UNKNOWN_TABLE" in answered(page, "SELECT * FROM dialy")

"""A browser for the tests of the page, started once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, sync_playwright

from tests.conftest import chromium
from tests.support.pages import Seen

# So long may a page take on a machine that has other things to do.
MILLISECONDS = 180_000


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """Chromium without a window."""
    switches = ("--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync")
    with sync_playwright() as playwright:
        context = playwright.chromium.launch(
            executable_path=chromium(), args=["--no-sandbox", "--no-first-run", *switches]
        )
        yield context
        context.close()


@pytest.fixture
def look(browser: Browser) -> Iterator[Callable[..., Seen]]:
    """Open a file as a person with this screen and colour scheme sees it.

    Where that person had looked at something `before`, the browser needs no new process, which takes half of it.
    """
    contexts = []

    def opened(file: Path, *, width: int = 1280, scheme: Any = "light", before: Seen | None = None) -> Seen:
        seen = before or nothing_seen()
        seen.page.goto("about:blank")
        seen.page.set_viewport_size({"width": width, "height": 900})
        seen.page.emulate_media(color_scheme=scheme)
        seen.forget()
        seen.page.goto(file.as_uri())
        seen.page.wait_for_load_state("networkidle")
        return seen

    def nothing_seen() -> Seen:
        context = browser.new_context()
        context.set_default_timeout(MILLISECONDS)
        contexts.append(context)
        seen = Seen(context.new_page())
        seen.page.on("console", lambda message: seen.said.append(message.text))
        seen.page.on("pageerror", lambda error: seen.said.append(str(error)))
        seen.page.on("request", lambda request: seen.requested.append(request.url))
        seen.page.on("requestfailed", lambda request: seen.refused.append((request.url, request.failure)))
        return seen

    yield opened
    for context in contexts:
        context.close()

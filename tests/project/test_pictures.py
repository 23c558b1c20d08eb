"""The pictures of the README show what the program shows today."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conftest import chromium
from tests.support.pictures import (
    PAGE,
    PAGE_NOTE,
    SUMMARY,
    page_note,
    photographed,
    png_pixels,
    report_page,
    summary_picture,
)

ANEW = "python -m tests.support.pictures draws them anew"
README = (Path(__file__).parent.parent.parent / "README.md").read_text("utf-8")


def test_the_readme_shows_both() -> None:
    for picture in (SUMMARY, PAGE):
        assert f"](docs/pictures/{picture.name})" in README


def test_the_summary_is_current() -> None:
    drawn = SUMMARY.read_text("utf-8")

    assert drawn == summary_picture(), ANEW
    # A picture of a README loads nothing.
    assert "url(http" not in drawn


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of the README as the program makes it today."""
    return report_page(tmp_path_factory.mktemp("page"))


def test_the_page_is_current(page: Path) -> None:
    picture = PAGE.read_bytes()

    assert json.loads(PAGE_NOTE.read_text("utf-8")) == page_note(page, picture), ANEW
    assert png_pixels(picture) == [1280, 950]
    assert len(picture) < 300_000


@pytest.mark.skipif(chromium() is None, reason="needs Chromium")
def test_the_page_can_be_photographed(page: Path) -> None:
    picture = photographed(page)

    assert picture.startswith(b"\x89PNG\r\n")
    assert png_pixels(picture) == [1280, 950]
    # An empty page has 10,000.
    assert 50_000 < len(picture) < 300_000


def test_a_changed_page_is_noticed(tmp_path: Path) -> None:
    page, picture = tmp_path / "page.html", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\5\0\0\0\3\xb6"
    page.write_text(
        "<style>p {}</style><h1>Costs</h1><dl><dt>Today &amp; now</dt><dd>$1</dd></dl>"
        '<script type="application/json">[1]</script><script>draw()</script>'
    )

    assert page_note(page, picture) == {
        "sha256": sha256(picture).hexdigest(),
        "pixels": [1280, 950],
        "headings": ["Costs", "Today & now"],
        "styles_and_scripts": [sha256(b"p {}").hexdigest(), sha256(b"draw()").hexdigest()],
    }

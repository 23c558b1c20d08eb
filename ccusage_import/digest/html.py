"""A digest as one HTML file that needs nothing else: no network, no other file. The only home of jinja2."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from ccusage_import.digest.charts import charts_of
from ccusage_import.digest.contents import figures_of, notices_of, scope_of, tables_of
from ccusage_import.digest.model import Digest

FILES = Path(__file__).parent
CHART_LIBRARY = FILES / "echarts" / "echarts.min.js"


def html_page(digest: Digest, tool_version: str) -> str:
    """Return the page.

    Every value is escaped by the template; the policy in the page lets a browser run the scripts of this package alone,
    known by their hashes, and load nothing.
    """
    environment = Environment(
        loader=FileSystemLoader(FILES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    style, script, library = map(_as_it_is, (FILES / "page.css", FILES / "page.js", CHART_LIBRARY))
    charts = [] if digest.is_empty else charts_of(digest)
    return environment.get_template("page.html.j2").render(
        digest=digest,
        scope=scope_of(digest),
        figures=figures_of(digest),
        notices=list(notices_of(digest)),
        charts=charts,
        chart_data=[
            {"name": chart.name, "option": chart.option, "height_pixels": chart.height_pixels} for chart in charts
        ],
        tables=tables_of(digest),
        tool_version=tool_version,
        style=style,
        script=script,
        library=library,
        policy=(
            f"default-src 'none'; img-src data:; style-src {_hash(style)}; script-src {_hash(library)} {_hash(script)};"
            " base-uri 'none'; form-action 'none'"
        ),
    )


def _as_it_is(file: Path) -> Markup:
    return Markup(file.read_text("utf-8"))  # noqa: S704 - files of this package


def _hash(text: str) -> str:
    """Return a hash source of a Content Security Policy (CSP level 3, 2.3.1)."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

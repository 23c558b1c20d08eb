"""Asks the pinned ccusage for the prices that the demo ships; `python -m tests.support.demo_prices` writes them."""

import json
import os
import tempfile
from pathlib import Path

from ccusage_import.ccusage.prices import PriceSource
from ccusage_import.ccusage.runner import FetchOptions, find_runner
from ccusage_import.demo.reports import PRICES
from ccusage_import.records import CLAUDE
from ccusage_import.versions import PINNED_VERSION
from tests.support.ccusage_install import install_ccusage

MODELS = ("claude-haiku-4-5-20251001", "claude-opus-4-6", "claude-sonnet-4-5-20250929")


def demo_prices() -> str:
    """Return what the models of the samples cost without network, as JSON."""
    with tempfile.TemporaryDirectory() as state:
        options = FetchOptions(state_dir=Path(state), command=(str(install_ccusage(PINNED_VERSION)),))
        environ = {**os.environ, "HOME": state}
        source = PriceSource(find_runner(options, environ), options, environ)
        found = {price.model: price[2:] for price in source.ask({(CLAUDE, model) for model in MODELS})}
    rows = {model: [None if usd is None else f"{usd.normalize():f}" for usd in usds] for model, usds in found.items()}
    lines = ",\n".join(f"  {json.dumps(model)}: {json.dumps(row)}" for model, row in sorted(rows.items()))
    return f"{{\n{lines}\n}}\n"


if __name__ == "__main__":
    PRICES.write_text(demo_prices(), "utf-8")

"""The colours of the report page, which `chart` in the terminal shares: a model has one colour wherever it is shown."""

from __future__ import annotations

from collections.abc import Sequence

# As many models as have a colour of their own; the last colour is that of all others.
LIGHT = ("#2f6db5", "#d1762a", "#2d8a5b", "#a84f8d", "#7a6bc0", "#9a7b1c", "#3c93a3", "#6d7885")
DARK = ("#6aa5e8", "#f0a15e", "#66c093", "#d98ec2", "#a99bec", "#d0b04e", "#6fc4d3", "#98a3b0")
OTHERS = len(LIGHT) - 1


def model_looks(models: Sequence[str]) -> dict[str, int]:
    """Return the number of the colour of each model, which are the dearest first."""
    return {model: min(place, OTHERS) for place, model in enumerate(models)}


def palette_css() -> str:
    """Return the colours as variables of a style sheet."""
    light, dark = (
        "".join(f"--chart-{number}:{colour};" for number, colour in enumerate(colours)) for colours in (LIGHT, DARK)
    )
    return f":root{{{light}}}@media (prefers-color-scheme:dark){{:root:not([data-printed]){{{dark}}}}}\n"

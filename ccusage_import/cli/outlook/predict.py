"""The command that says what the next run of a slash command will cost."""

from __future__ import annotations

from decimal import Decimal
from typing import Annotated, NamedTuple

import typer

from ccusage_import import ui
from ccusage_import.cli.options import (
    AsJson,
    ConfigFile,
    Verbose,
    WarehouseUrl,
    WithoutNotes,
    configured,
    door,
    open_to_ask,
)
from ccusage_import.config.kept.names import read_names
from ccusage_import.days import today_in
from ccusage_import.digest.text import duration, percent
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.money import Money
from ccusage_import.querying.known_names import meant_names, stored_names
from ccusage_import.querying.queries import find_query
from ccusage_import.ui.tables import PlainTable, console, print_wrapped

FEWEST_RUNS = 9
PROMPTS = "text"
FROM = {"these runs": "", "the command": " in all projects and with all models", "all prompts": ""}


class Prediction(NamedTuple):
    """A row of the query `predict`; where no run was tested, nothing is known of the test."""

    predicted_from: str
    runs: int
    low_usd: Decimal
    cost_usd: Decimal
    high_usd: Decimal
    seconds_low: float
    seconds_p50: float
    seconds_high: float
    unpriced: bool
    tested: int
    inside_share: float | None
    error_usd: Decimal | None
    mean_error_usd: Decimal | None


def predict(
    command: Annotated[
        str, typer.Argument(metavar="COMMAND", help="Slash command, or `text` for prompts without one.")
    ],
    project: Annotated[str, typer.Option(metavar="NAME", help="Only runs in this project.")] = "",
    model: Annotated[str, typer.Option(metavar="NAME", help="Only runs in which this model cost most.")] = "",
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: WithoutNotes = False,
    as_json: AsJson = False,
) -> None:
    """Predict cost and duration of a slash command's next run.

    Uses its last 50 runs, or similar ones if these are too few.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        if not command.strip():
            hint = f"ccusage-import predict {PROMPTS} is about prompts without one"
            raise ConfigurationError("predict: names no command", hint=hint)
        configuration = configured({"warehouse": warehouse}, config)
        asked = {"command": "" if command == PROMPTS else command, "project": project, "model": model}
        given = stored_names(asked, configuration.settings)
        names = read_names(configuration.directories.names_file)
        query = find_query("predict")
        with open_to_ask(configuration, "predict") as opened:
            meant = meant_names(opened, asked, given, names)
            values = query.values(meant, today_in(configuration.settings.timezone))
            found = [Prediction(*row) for row in opened.rows(query.sql, values)]
        if not found:
            raise ConfigurationError(
                f"predict: fewer than {FEWEST_RUNS} prompts are stored, too few to tell",
                hint="ccusage-import import reads them from the transcripts",
            )
        if as_json:
            ui.print_json(_json(command, found[0]))
            return
        print_prediction(command, found[0], configuration.settings.money)
        if not quiet:
            print_notes(found[0], configuration.settings.money)


def _json(command: str, found: Prediction) -> dict[str, object]:
    return {
        "command": command,
        "predicted_from": found.predicted_from,
        "runs": found.runs,
        "low_usd": found.low_usd,
        "cost_usd": found.cost_usd,
        "high_usd": found.high_usd,
        "seconds_low": found.seconds_low,
        "seconds_p50": found.seconds_p50,
        "seconds_high": found.seconds_high,
        "unpriced": found.unpriced,
        "backtest": {
            "runs": found.tested,
            "inside_share": found.inside_share,
            "error_usd": found.error_usd,
            "mean_error_usd": found.mean_error_usd,
        }
        if found.tested
        else None,
    }


def print_prediction(command: str, found: Prediction, money: Money) -> None:
    """Print what is predicted."""
    table = PlainTable((_shown(command), "low", "expected", "high"))
    table.add_row("cost", *(money.text(value) for value in (found.low_usd, found.cost_usd, found.high_usd)))
    table.add_row("duration", *map(duration, (found.seconds_low, found.seconds_p50, found.seconds_high)))
    console().print(table)


def print_notes(found: Prediction, money: Money) -> None:
    """Print what the prediction is made of, and how such predictions did."""
    of = "prompts of all kinds" if found.predicted_from == "all prompts" else f"runs{FROM[found.predicted_from]}"
    lines = [f"80% of runs stay within this range, judging by the last {found.runs} {of}"]
    if found.unpriced:
        lines.append(f"some of them have no price and count as {money.whole(0)}")
    if found.error_usd is not None and found.mean_error_usd is not None:
        missed, mean_missed = money.text(found.error_usd), money.text(found.mean_error_usd)
        tried = of.replace("runs", "run").replace("prompts", "prompt") if found.tested == 1 else of
        lines += [
            f"in a test on {found.tested:,} earlier {tried}, {percent(found.inside_share)} did",
            f"the expected cost was off by {missed} on average, a plain mean by {mean_missed}",
        ]
    else:
        lines.append(f"not tested: that takes more than {FEWEST_RUNS} earlier runs")
    print()
    for line in lines:
        print_wrapped(line)


def _shown(command: str) -> str:
    return "prompts" if command == PROMPTS else f"/{command.removeprefix('/')}"

"""The command that says what the next run of a slash command will cost."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from ccusage_import import ui
from ccusage_import.cli.options import AsJson, ConfigFile, Quiet, Verbose, WarehouseUrl, configured, door
from ccusage_import.cli.query import open_to_ask
from ccusage_import.config.kept.names import read_names
from ccusage_import.days import today_in
from ccusage_import.digest.text import percent
from ccusage_import.exceptions import ConfigurationError
from ccusage_import.money import Money
from ccusage_import.querying.known_names import meant_names, stored_names
from ccusage_import.querying.queries import find_query
from ccusage_import.ui.tables import PlainTable, console, print_wrapped

FEWEST_RUNS = 9
PROMPTS = "text"
FROM = {"these runs": "", "the command": " in all projects and with all models", "all prompts": ""}


def predict(
    command: Annotated[
        str, typer.Argument(metavar="COMMAND", help="Slash command, or `text` for prompts without one.")
    ],
    project: Annotated[str, typer.Option(metavar="NAME", help="Only runs in this project.")] = "",
    model: Annotated[str, typer.Option(metavar="NAME", help="Only runs in which this model cost most.")] = "",
    config: ConfigFile = None,
    warehouse: WarehouseUrl = None,
    verbose: Verbose = 0,
    quiet: Quiet = False,
    as_json: AsJson = False,
) -> None:
    """Predict cost and duration of a slash command's next run.

    Uses its last 50 runs, or similar ones if these are too few.
    """
    with door(verbose, quiet=quiet, as_json=as_json):
        configuration = configured({"warehouse": warehouse}, config)
        asked = {"command": "" if command == PROMPTS else command, "project": project, "model": model}
        given = stored_names(asked, configuration.settings)
        names = read_names(configuration.directories.names_file)
        query = find_query("predict")
        with open_to_ask(configuration, "predict") as opened:
            meant = meant_names(opened, asked, given, names)
            rows = opened.rows(query.sql, query.values(meant, today_in(configuration.settings.timezone)))
        if not rows:
            raise ConfigurationError(
                f"predict: fewer than {FEWEST_RUNS} prompts are stored, too few to tell",
                hint="ccusage-import import reads them from the transcripts",
            )
        if as_json:
            ui.print_json(_json(command, rows[0]))
        elif not quiet:
            print_prediction(command, rows[0], configuration.settings.money)


def _json(command: str, row: Any) -> dict[str, object]:
    predicted_from, runs, low, cost, high, seconds_low, seconds, seconds_high, unpriced, *test = row
    tested, inside, error, mean_error = test
    return {
        "command": command,
        "predicted_from": predicted_from,
        "runs": runs,
        "low_usd": low,
        "cost_usd": cost,
        "high_usd": high,
        "seconds_low": seconds_low,
        "seconds_p50": seconds,
        "seconds_high": seconds_high,
        "unpriced": unpriced,
        "backtest": None
        if not tested
        else {"runs": tested, "inside_share": inside, "error_usd": error, "mean_error_usd": mean_error},
    }


def print_prediction(command: str, row: Any, money: Money) -> None:
    """Print a row of the query `predict`, and how such predictions did."""
    predicted_from, runs, low, cost, high, seconds_low, seconds, seconds_high, unpriced, *test = row
    tested, inside, error, mean_error = test
    table = PlainTable((_shown(command), "low", "expected", "high"))
    table.add_row("cost", *(money.text(value) for value in (low, cost, high)))
    table.add_row("duration", *(_duration(value) for value in (seconds_low, seconds, seconds_high)))
    console().print(table)
    of = "prompts of all kinds" if predicted_from == "all prompts" else f"runs{FROM[predicted_from]}"
    lines = [f"80% of runs stay within this range, judging by the last {runs} {of}"]
    if unpriced:
        lines.append(f"some of them have no price and count as {money.whole(0)}")
    if tested:
        missed, mean_missed = money.text(error), money.text(mean_error)
        tried = of.replace("runs", "run").replace("prompts", "prompt") if tested == 1 else of
        lines += [
            f"in a test on {tested:,} earlier {tried}, {percent(inside)} did",
            f"the expected cost was off by {missed} on average, a plain mean by {mean_missed}",
        ]
    else:
        lines.append(f"not tested: that takes more than {FEWEST_RUNS} earlier runs")
    print()
    for line in lines:
        print_wrapped(line)


def _shown(command: str) -> str:
    return "prompts" if command == PROMPTS else f"/{command.removeprefix('/')}"


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 100 else f"{seconds / 60:.0f} min"

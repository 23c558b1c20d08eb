"""A currency of one's own: people read converted amounts that say so, and programs dollars."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from ccusage_import.cli.live.page import Page
from ccusage_import.cli.outlook.predict import Prediction, print_notes, print_prediction
from ccusage_import.config.directories import Directories
from ccusage_import.config.layers import load_configuration
from ccusage_import.live.now import Block, LastTurn, Model, Now, Session
from ccusage_import.money import Money
from ccusage_import.ui.tables import console
from tests.cli.test_budget import configure
from tests.conftest import Program
from tests.support.claude_dir import ClaudeDir, days_ago

pytestmark = pytest.mark.usefixtures("engine_stays")

EURO = {"CCUSAGE_IMPORT_CURRENCY": '{"code": "EUR", "rate": 0.9, "symbol": "€"}'}
FRANC = {"CCUSAGE_IMPORT_CURRENCY": '{"code": "CHF", "rate": 0.8}'}
LIMITS = {"CCUSAGE_IMPORT_BUDGET": '{"monthly": 0.25}', "CCUSAGE_IMPORT_QUOTA": '{"week_usd": 3}'}


@pytest.fixture
def used(program: Program, tmp_path: Path) -> Program:
    """A machine with an answer of $0.30 now and one of $1.50 long ago."""
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("old", days_ago(70), 100_000)
    claude.say("now", datetime.now(UTC) - timedelta(seconds=1), 20_000)
    program.environ |= {"CCUSAGE_IMPORT_CLAUDE_DIRS": str(claude.root), "CCUSAGE_IMPORT_MACHINE": "laptop", **LIMITS}
    return program


def squeezed(text: str) -> str:
    return "\n".join(" ".join(line.split()) for line in text.splitlines())


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_all_that_people_read_is_converted(used: Program) -> None:
    used.environ |= EURO
    said = {
        name: squeezed(used(*arguments.split(), COLUMNS="80").stdout)
        for name, arguments in {
            "import": "import",
            "dashboard": "",
            "budget": "budget",
            "quota": "quota",
            "history": "history",
            "changes": "changes",
            "chart": "chart models",
            "statusline": "statusline",
            "markdown": "report --format markdown",
            "calendar": "report --format ics",
            "undo": "undo last",
        }.items()
    }

    for name, texts in {
        "import": (
            "cost €1.62 +€1.62", "active block until", "UTC: €0.27", "Sonnet 4 €1.62 100.0%", "shop €1.62 100.0%",
        ),
        "dashboard": (
            "today €0.27, 20,000 tokens", "this month OVER €0.27 of €0.22 (120.0%), €",
            "all days €1.62 on 2 days since", "kept all that ccusage shows: €1.62",
        ),
        "budget": ("everything, this month €0.27 €0.22 120.0% OVER €",),
        "quota": ("week_usd €0.27 €2.70 10.0%",),
        "history": (" €1.62 +€1.62",),
        "changes": (f"new daily {days_ago(70).date()} - €1.35",),
        "chart": ("Sonnet 4 €1.62 100.0%",),
        "statusline": ("today €0.27 · block €0.27, ", " · week quota 10.0% used · month €0.27, OVER by €0.04"),
        "markdown": (
            "**The budget of this month is exceeded: €0.27 of €0.22.**", "- Today so far: **€0.27**, +€0.27 against",
            "converted at 0.9 EUR per dollar; with a subscription", "| shop | €1.62 | 120,000 |",
            "| budget of this month | €0.27 | €0.22 | 120.0% |",
        ),
        "calendar": ("SUMMARY:€0.27 so far\\, on laptop", "SUMMARY:import on laptop: +€1.62"),
        "undo": ("€0.00 (-€1.62)",),
    }.items():  # fmt: skip
        assert [text for text in texts if text not in said[name]] == [], said[name]
    assert said["dashboard"].splitlines()[-1] == "amounts at 0.9 EUR per dollar"
    assert [name for name, text in said.items() if "$" in text] == []


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_programs_read_dollars_and_so_does_sql(used: Program, tmp_path: Path) -> None:
    used.environ |= EURO
    imported = json.loads(used("import", "--json", CCUSAGE_IMPORT_METRICS_FILE=str(tmp_path / "all.prom")).stdout)
    [limit] = json.loads(used("budget", "--json").stdout)
    report = json.loads(used("report", "--json").stdout)

    assert Decimal(imported["totals"]["after"]["cost_usd"]) == Decimal("1.8")
    assert (Decimal(limit["limit_usd"]), Decimal(limit["spent_usd"])) == (Decimal("0.25"), Decimal("0.3"))
    assert Decimal(report["models"][0]["usage"]["cost_usd"]) == Decimal("1.8")
    assert "money" not in report
    assert re.search(r"^ccusage_import_cost_dollars\{.*\} 1\.8$", (tmp_path / "all.prom").read_text(), re.MULTILINE)
    assert used("query", "--format", "csv", "SELECT sum(cost_usd) AS cost_usd FROM daily").stdout == '"cost_usd"\n1.8\n'
    assert "│      1.8 │" in used("query", "SELECT sum(cost_usd) AS cost_usd FROM daily").stdout


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_without_a_sign_the_code_stands_before_an_amount(used: Program) -> None:
    assert used("import", "--quiet").exit_code == 0

    assert "today CHF 0.24, 20,000 tokens" in squeezed(used(**FRANC).stdout)
    assert "everything, this month CHF 0.24 CHF 0.20 120.0% OVER" in squeezed(used("budget", **FRANC).stdout)
    # What an import left for the status line is shown in what was set then.
    assert used("statusline", **FRANC).stdout.startswith("today $0.30 · block $0.30, ")
    assert used("import", "--quiet", **FRANC).exit_code == 0
    assert used("statusline").stdout.startswith("today CHF 0.24 · block CHF 0.24, ")


@pytest.mark.exhaustive
@pytest.mark.usefixtures("own_warehouse")
def test_sums_without_cents_and_usage_without_a_price_say_the_currency(program: Program, tmp_path: Path) -> None:
    claude = ClaudeDir(tmp_path / "claude")
    claude.say("old", days_ago(70), 100_000_000)
    claude.say("new", days_ago(0, 0), 20_000, model="claude-of-tomorrow")
    program.environ |= {"CCUSAGE_IMPORT_CLAUDE_DIRS": str(claude.root), **EURO}
    assert program("import").exit_code == 0
    claude.delete("old")
    assert program("import").exit_code == 0

    assert "ccusage shows €0 today, you kept €2,024" in squeezed(program().stdout)
    assert "has no price. It counts as €0, so" in program("report", "--format", "markdown").stdout


def test_the_live_page_is_converted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    identity = {"machine": "laptop", "timezone": "UTC", "salt": "salt"}
    configuration = load_configuration({}, EURO, identity=identity, directories=Directories.within(tmp_path))
    now = datetime.now(UTC)
    page = Page(configuration)

    block = Block(now, now + timedelta(hours=5), 1_000, 10.0, 2.5, 1234.5)
    model = Model("claude-sonnet-4-20250514", 1, 1_000, Decimal("0.1"), unpriced=False)
    session = Session("shop", "s", now, 1, Decimal("0.2"), 500)
    turn = LastTurn(now, "shop", "review", "command", 1, 2, Decimal("0.3"), 1000, "done")
    for part in page._of(Now(block, [model], [session], [turn], 0, [])):
        console().print(part)

    shown = " ".join(capsys.readouterr().out.split())
    assert "active block: €9.00, 1,000 tokens, " in shown
    assert "; €2.25 an hour, €1,111.05 expected" in shown
    assert ("Sonnet 4 1 1,000 €0.09" in shown, " 1 500 €0.18" in shown, " 1 2 1 s €0.27 done" in shown) == (True,) * 3
    assert "$" not in shown


def test_a_prediction_is_converted(capsys: pytest.CaptureFixture[str]) -> None:
    costs = (Decimal("1.25"), Decimal(2), Decimal(3))
    unpriced, missed = True, (Decimal("0.5"), Decimal("0.75"))
    found = Prediction("these runs", 20, *costs, 10.0, 20.0, 30.0, unpriced, 15, 0.8, *missed)

    money = Money("EUR", Decimal("0.9"), "€")
    print_prediction("review", found, money)
    print_notes(found, money)

    shown = squeezed(capsys.readouterr().out)
    assert "cost €1.12 €1.80 €2.70" in shown
    assert "some of them have no price and count as €0" in shown
    assert "the expected cost was off by €0.45 on average, a plain mean by €0.68" in shown


def test_it_is_set_and_shown_like_any_other_table(program: Program) -> None:
    both = '{code = "EUR", rate = 0.9}'
    refused = program("config", "set", "currency.code", "EUR")
    assert refused.exit_code == 2
    assert "rate is missing: ccusage-import config set currency '{code = \"EUR\", rate = 0.92}'" in refused.stderr

    assert program("config", "set", "currency", both).exit_code == 0
    assert program("config", "set", "currency.rate", "0.92").exit_code == 0
    assert program("config", "set", "currency.symbol", "€").exit_code == 0

    value = {"code": "EUR", "rate": "0.92", "symbol": "€"}
    shown = json.loads(program("config", "show", "--json").stdout)["currency"]
    assert shown == {"value": value, "origin": str(program.home / ".config/ccusage-import/config.toml")}
    shown = json.loads(program("config", "show", "--json", **FRANC).stdout)["currency"]
    assert shown == {"value": {"code": "CHF", "rate": "0.8"}, "origin": "environment"}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ('code = "EUR"\nrate = 0', "currency.rate"),
        ('code = "EUR"\nrate = "much"', "currency.rate"),
        ('code = "euros"\nrate = 0.9', "currency.code"),
        ('code = "EUR"\nrate = 0.9\nsymbol = "$"', "currency.symbol"),
        ('code = "EUR"\nrate = 0.9\nsign = "€"', "currency.sign"),
        ('code = "EUR"', "currency"),
    ],
)
def test_a_currency_that_cannot_be_used_is_named(program: Program, text: str, name: str) -> None:
    configure(program, f"[currency]\n{text}\n")
    done = program("report")

    assert done.exit_code == 2
    assert f"\n  {name} (" in done.stderr

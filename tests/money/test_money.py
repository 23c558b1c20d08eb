"""How people read money: signs, rounding, what is small, large or nothing, and what a currency may be."""

from __future__ import annotations

import re
from decimal import Decimal
from pathlib import Path

import pytest
from pydantic import ValidationError

from ccusage_import.money import DOLLARS, Money
from ccusage_import.money.currency import Currency

PACKAGE = Path(__file__).parent.parent.parent / "ccusage_import"
EURO = Money("EUR", Decimal("0.92"), "€")
FRANC = Money("CHF", Decimal("0.8"), "")
YEN = Money("JPY", Decimal(150), "¥")
DINAR = Money("KWD", Decimal("0.3"), "")
KRONA = Money("SEK", Decimal(10), "kr")


@pytest.mark.parametrize(
    ("money", "usd", "text", "whole"),
    [
        (DOLLARS, "0", "$0.00", "$0"),
        (DOLLARS, "1234567.891", "$1,234,567.89", "$1,234,568"),
        (DOLLARS, "0.0042", "$0.0042", "$0"),
        (DOLLARS, "0.00012", "$0.0001", "$0"),
        (DOLLARS, "0.00004", "$0.00004", "$0"),
        (DOLLARS, "-0.000000001", "-$0.000000001", "$0"),
        (DOLLARS, "0.01", "$0.01", "$0"),
        (DOLLARS, "-42.5", "-$42.50", "-$42"),
        # Half a cent goes to the even one, before and after it is converted.
        (DOLLARS, "0.125", "$0.12", "$0"),
        (DOLLARS, "0.135", "$0.14", "$0"),
        (EURO, "0", "€0.00", "€0"),
        (EURO, "1", "€0.92", "€1"),
        (EURO, "0.125", "€0.12", "€0"),
        (EURO, "0.38043478260869566", "€0.35", "€0"),
        (EURO, "0.0042", "€0.0039", "€0"),
        (EURO, "-1000", "-€920.00", "-€920"),
        (EURO, "123456789012345678.91", "€113,580,245,891,358,024.60",
         "€113,580,245,891,358,025"),
        (FRANC, "0.25", "CHF 0.20", "CHF 0"),
        (FRANC, "0.15625", "CHF 0.12", "CHF 0"),
        (FRANC, "0.16875", "CHF 0.14", "CHF 0"),
        (YEN, "12.345", "¥1,852", "¥1,852"),
        (YEN, "0.001", "¥0.15", "¥0"),
        (DINAR, "1", "KWD 0.300", "KWD 0"),
        (KRONA, "-1.5", "-kr 15.00", "-kr 15"),
    ],
)  # fmt: skip
def test_an_amount_says_its_currency(money: Money, usd: str, text: str, whole: str) -> None:
    value = Decimal(usd)
    assert (money.text(value), money.whole(value)) == (text, whole)


def test_numbers_that_are_not_decimal_are_shown_as_they_are_printed() -> None:
    assert (DOLLARS.text(2.164), EURO.text(2.164), EURO.text(0)) == ("$2.16", "€1.99", "€0.00")
    # Both are less than that in binary.
    assert (DOLLARS.text(0.015), DOLLARS.text(-1.115)) == ("$0.02", "-$1.12")
    assert (DOLLARS.text(0.3 - 0.1 * 3), DOLLARS.text(1e-9)) == ("$0.00", "$0.000000001")


@pytest.mark.parametrize(
    ("money", "note"),
    [
        (DOLLARS, ""),
        (EURO, "at 0.92 EUR per dollar"),
        (Money("IDR", Decimal("16500.0"), ""), "at 16500 IDR per dollar"),
        (Money("XAU", Decimal("0.00024"), ""), "at 0.00024 XAU per dollar"),
        (Money("PAB", Decimal(1), "B/."), "at 1 PAB per dollar"),
    ],
)
def test_the_rate_is_said_where_there_is_one(money: Money, note: str) -> None:
    assert money.note == note


def test_no_other_module_puts_a_dollar_sign_before_a_number() -> None:
    writers = [path.name for path in PACKAGE.rglob("*.py") if re.search(r"\$(?:\{|\d)", path.read_text("utf-8"))]
    assert writers == []


def test_a_currency_is_read_as_it_is_written() -> None:
    assert Currency().money == DOLLARS
    assert Currency.model_validate({"code": "eur", "rate": 0.92, "symbol": " € "}).money == EURO
    assert Currency.model_validate({"code": "JPY", "rate": 150, "symbol": "¥"}).money == YEN
    assert Currency.model_validate({"code": "CHF", "rate": "0.8"}).money == FRANC


@pytest.mark.parametrize(
    ("given", "name", "why"),
    [
        ({"code": "EURO", "rate": 1}, ("code",), "Input should be three letters as in ISO 4217: ccusage-import"),
        ({"code": "€", "rate": 1}, ("code",), "Input should be three letters"),
        ({"code": "E1R", "rate": 1}, ("code",), "Input should be three letters"),
        ({"code": "usd", "rate": 1}, ("code",), "Input should be another currency than USD"),
        ({"code": "EUR", "rate": 0}, ("rate",), "Input should be a number greater than 0, what one US dollar is"),
        ({"code": "EUR", "rate": -0.92}, ("rate",), "Input should be a number greater than 0"),
        ({"code": "EUR", "rate": "0,92"}, ("rate",), "Input should be a number greater than 0"),
        ({"code": "EUR", "rate": True}, ("rate",), "Input should be a number greater than 0"),
        ({"code": "EUR", "rate": "inf"}, ("rate",), "Input should be a number greater than 0"),
        ({"code": "EUR", "rate": "nan"}, ("rate",), "Input should be a number greater than 0"),
        ({"code": "EUR", "rate": 1, "symbol": "$"}, ("symbol",), "Input should be a sign that is not that of US doll"),
        ({"code": "EUR", "rate": 1, "symbol": "*"}, ("symbol",), "Input should be a sign such as € or CA$"),
        ({"code": "EUR", "rate": 1, "symbol": "\x1b[31m"}, ("symbol",), "Input should be a sign such as € or CA$"),
        ({"code": "EUR", "rate": 1, "symbol": "eurooo"}, ("symbol",), "Input should be a sign such as € or CA$"),
        ({"code": "CHF"}, (), "rate is missing: ccusage-import config set currency '{code = \"CHF\", rate = 0.92}'"),
        ({"rate": 0.5}, (), "code is missing: ccusage-import config set currency '{code = \"EUR\", rate = 0.5}'"),
        ({"symbol": "€"}, (), 'code and rate are missing: ccusage-import config set currency \'{code = "EUR", '),
    ],
)
def test_what_is_no_currency_says_what_to_type(given: dict[str, object], name: tuple[str, ...], why: str) -> None:
    with pytest.raises(ValidationError) as refused:
        Currency.model_validate(given)

    [error] = refused.value.errors(include_url=False)
    assert error["loc"] == name
    assert error["msg"].removeprefix("Value error, ").startswith(why)

"""The values that the rule is given and gives back."""

from __future__ import annotations

from dataclasses import is_dataclass
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import ccusage_import.rule


def test_values_of_the_rule_never_change_and_take_little_memory() -> None:
    modules = [
        import_module(f"ccusage_import.rule.{found.name}") for found in iter_modules(ccusage_import.rule.__path__)
    ]
    values: list[Any] = [value for module in modules for value in vars(module).values() if is_dataclass(value)]

    assert len(values) > 10
    assert [value for value in values if not value.__dataclass_params__.frozen or "__slots__" not in vars(value)] == []

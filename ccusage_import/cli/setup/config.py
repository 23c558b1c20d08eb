"""`config`: show and change the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from pydantic import BaseModel, SecretStr

from ccusage_import.cli.options import AsJson, ConfigFile, configured, door
from ccusage_import.config.directories import Directories
from ccusage_import.config.file import as_toml, changed, write_config
from ccusage_import.config.settings import Configuration
from ccusage_import.masking import MASK
from ccusage_import.ui import print_json, print_warnings
from ccusage_import.ui.tables import PlainTable, console

config_app = typer.Typer(
    help="Show and change the configuration.", rich_markup_mode=None, no_args_is_help=True, add_completion=False
)


@config_app.command("show")
def config_show(config: ConfigFile = None, as_json: AsJson = False) -> None:
    """Show every setting, its value and where it came from.

    Secrets are masked.
    """
    with door(0, quiet=False, as_json=as_json):
        configuration = configured({}, config)
        print_configuration(configuration, as_json=as_json)


# A negative number is a value, not an option.
@config_app.command("set", context_settings={"ignore_unknown_options": True})
def config_set(
    name: Annotated[str, typer.Argument(metavar="NAME", help="Setting, such as timezone or budget.monthly.")],
    value: Annotated[str, typer.Argument(metavar="VALUE", help="Value as in TOML; anything else is taken as text.")],
    config: ConfigFile = None,
) -> None:
    """Change one setting in the configuration file; comments in it stay."""
    with door(0, quiet=False, as_json=False):
        file = config or Directories.of_platform().config_file
        text = changed(file, {name: value})
        origins = configured({}, file, config_text=text).origins
        write_config(file, text)
        setting = name.partition(".")[0]
        if origins[setting] == "environment":
            print_warnings(
                [
                    f"{setting} is set in the environment too, which wins over the file",
                    "hint: ccusage-import config show",
                ]
            )


@config_app.command("path")
def config_path() -> None:
    """Print the path of the configuration file."""
    with door(0, quiet=False, as_json=False):
        print(Directories.of_platform().config_file)


def print_configuration(configuration: Configuration, *, as_json: bool) -> None:
    """Print every setting with its value and origin; secrets are masked."""
    shown = {name: _setting(value) for name, value in configuration.settings}
    shown["warehouse"] = str(configuration.settings.parsed_warehouse())
    if configuration.settings.sync:
        shown["sync"] = str(configuration.settings.parsed_sync())
    if as_json:
        print_json({name: {"value": value, "origin": configuration.origins[name]} for name, value in shown.items()})
        return
    table = PlainTable(("setting", "value", "from"), texts=("value", "from"), wraps=("value", "from"))
    for name, value in shown.items():
        table.add_row(name, as_toml(value), configuration.origins[name])
    console().print(table)


def _setting(value: object) -> object:
    if isinstance(value, SecretStr):
        return MASK if value.get_secret_value() else None
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_defaults=True)
    if isinstance(value, tuple):
        return [_setting(part) for part in value]
    return str(value) if isinstance(value, Path) else value

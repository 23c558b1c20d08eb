"""The program and its commands, each imported when it is called: --version, --help and completion are quick."""

from __future__ import annotations

import re
from collections.abc import Container, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from importlib import import_module
from itertools import pairwise, takewhile
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from ccusage_import import __version__

PROGRAM = "ccusage-import"
EXIT_CODES = """
Exit codes: 0 ok, 1 a bug, 2 usage or configuration, 3 ccusage, 4 warehouse, 5 some reports failed,
6 a check that is not healthy, 130 interrupted.
"""
# The class of all errors in what was typed; Typer exports only one of its subclasses.
USAGE_ERROR: Any = typer.BadParameter.__base__
SAID = f"{__name__}.said"
_CHOICE = re.compile("'([^']*)' is not one of (.+)")
_QUOTED = re.compile("'([^']*)'")
_COMMENT = re.compile(r"--\s")
# In the order of --help: where each command is found, and the first sentence of its help.
COMMANDS: Mapping[str, tuple[str, str]] = {
    "init": ("setup.init:init", "Set up warehouse, names, schedule and budget, by questions."),
    "import": ("imports:import_command", "Run the ccusage reports and load what they show."),
    "watch": ("live.watch:watch", "Store what Claude Code writes, as it writes it."),
    "migrate": ("warehouse:migrate", "Bring tables and views of the warehouse up to date."),
    "query": ("query:query", "Query the warehouse in SQL, or by a named query."),
    "budget": ("outlook.budget:budget", "Compare spending with the budgets."),
    "predict": ("outlook.predict:predict", "Predict cost and duration of a slash command's next run."),
    "quota": ("outlook.quota:quota", "Compare usage with the quotas of a plan."),
    "check": ("health:check", "Find out whether the next import can work."),
    "status": ("health:status", "Show how imports are going, for monitoring."),
    "logs": ("health:logs", "Print the log file's path and the lines of the last import."),
    "history": ("audit:history", "List loads, newest first."),
    "changes": ("audit:changes", "Show what each load changed, and why."),
    "held": ("audit:held", "List what is held now, and how to accept it."),
    "undo": ("audit:undo", "Take a load back."),
    "accept": ("audit:accept", "Accept held numbers in place of the stored ones."),
    "verify": ("verify:verify", "Compare stored numbers with ccusage's."),
    "backup": ("backup:backup", "Copy the warehouse into a directory."),
    "restore": ("backup:restore", "Fill an empty warehouse from a backup."),
    "repair": ("warehouse:repair", "Put back what a damaged warehouse lost."),
    "compact": ("warehouse:compact", "Fold old facts of this machine into totals by hour."),
    "rename": ("warehouse:rename_app", "Rename what is stored."),
    "export": ("export.tables:export", "Write views and named queries into files for other programs."),
    "raw": ("export.raw:raw_app", "List and unpack the reports that keep_raw kept."),
    "push": ("backup:push", "Copy an embedded warehouse to a server."),
    "report": ("report:report", "Make a page of costs, charts and changes."),
    "chart": ("chart.command:chart", "Draw costs as bars in the terminal."),
    "serve": ("live.serve:serve", "Answer ClickHouse clients for an embedded warehouse."),
    "mcp": ("live.mcp:mcp", "Answer a coding agent over the Model Context Protocol."),
    "statusline": ("live.statusline:statusline", "Print one line for Claude Code's status line."),
    "config": ("setup.config:config_app", "Show and change the configuration."),
    "schedule": ("setup.schedule:schedule_app", "Run the import by itself: launchd, systemd or cron."),
}


class LazyCommand(TyperCommand):
    """A command of which only the name and one sentence are known until it is called or completed."""

    def __init__(self, name: str, place: str, summary: str) -> None:
        """Remember where a command is: `module:function` or `module:group` in this package."""
        super().__init__(name, help=summary, rich_markup_mode=None)
        self._place = place

    # Typer's own types of contexts and commands are private.
    def make_context(self, info_name: str | None, args: list[str], parent: Any = None, **extra: Any) -> Any:
        """Import the command and let it read its arguments."""
        command = self.imported()
        # SQL that begins with a comment is no option; what a query does with the space is to strip it.
        args = [f" {each}" if _COMMENT.match(each) else each for each in args]
        if not extra.get("resilient_parsing"):
            _refuse_empty(args, frozenset(_options_with_value(command)))
        return command.make_context(info_name, args, parent, **extra)

    def imported(self) -> Any:
        """Return the command itself."""
        module, _, name = self._place.partition(":")
        found = getattr(import_module(f"ccusage_import.cli.{module}"), name)
        if not isinstance(found, typer.Typer):
            alone = typer.Typer(rich_markup_mode=None, add_completion=False)
            alone.command(self.name)(found)
            found = alone
        return typer.main.get_command(found)


class Program(TyperGroup):
    """The group of all commands."""

    def __init__(self, *, commands: Mapping[str, Any] | Sequence[Any] | None = None, **attributes: Any) -> None:
        """Add the commands to what Typer made of the callback."""
        super().__init__(commands=dict(commands or {}), **attributes)
        for name, (place, summary) in COMMANDS.items():
            self.add_command(LazyCommand(name, place, summary))

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Remember what was said, for errors."""
        ctx.meta[SAID] = tuple(takewhile(lambda each: each != "--", args))
        with self._usage_errors(ctx):
            return super().parse_args(ctx, args)

    def invoke(self, ctx: Any) -> Any:
        """Run a command."""
        with self._usage_errors(ctx):
            return super().invoke(ctx)

    @contextmanager
    def _usage_errors(self, ctx: Any) -> Iterator[None]:
        """Let what cannot be typed be shown like any other error."""
        try:
            yield
        except USAGE_ERROR as error:
            # The help that a group shows without a command is an error to Typer, which shows itself.
            if type(error).show is USAGE_ERROR.show:
                path = error.ctx.command_path if error.ctx else f"{PROGRAM} {ctx.invoked_subcommand or ''}".strip()
                said = ctx.meta[SAID]
                if error.ctx is ctx and (taker := self._taker(getattr(error, "option_name", ""), said)):
                    path, error.message = taker, f"{error.option_name}: belongs behind the command"
                    error.possibilities = None
                error.show = partial(_show, error, path, as_json=self._prints_one_document(said))
            raise

    def _taker(self, option: str, said: Sequence[str]) -> str:
        """Return the path of the command that was called and takes an option; empty where none does."""
        name = next((each for each in said if each in self.commands), "")
        found: Any = self.commands.get(name)
        takes = found and any(option in each.opts for each in found.imported().params)
        return f"{PROGRAM} {name}" if takes else ""

    def _prints_one_document(self, said: Sequence[str]) -> bool:
        """Return whether a command that has --json is called with it; `watch` prints lines."""
        name, inner, *_ = *(each for each in said if not each.startswith("-")), "", ""
        found: Any = self.commands.get(name)
        if "--json" not in said or name == "watch" or not isinstance(found, LazyCommand):
            return False
        command = found.imported()
        command = getattr(command, "commands", {}).get(inner, command)
        return any("--json" in option.opts for option in command.params)


def _show(error: Any, path: str, *, as_json: bool) -> None:
    """Show an error in what was typed after the path of a command, as `door` shows others."""
    ui = import_module("ccusage_import.ui")
    # No name of an exception, and no list with a line for each choice.
    error.message = error.message.removeprefix("Value error, ")
    said = " ".join(error.format_message().split()).removesuffix(".")
    if choice := _CHOICE.search(said):
        similar = import_module("ccusage_import.names.shown").nearest(choice[1], _QUOTED.findall(choice[2]))
        said += f". Did you mean {', '.join(map(repr, similar))}?" if similar else ""
    command = path.removeprefix(PROGRAM).strip()
    usage = import_module("ccusage_import.exceptions").ConfigurationError(
        f"{command}{': ' if command else ''}{said[:1].lower()}{said[1:]}", hint=f"{path} --help"
    )
    ui.print_error(usage)
    if as_json:
        ui.print_json(ui.failure_json(usage))


def _options_with_value(command: Any) -> Iterator[str]:
    """Return the options that take a value, of a command or of all commands of a group."""
    for option in command.params:
        if option.param_type_name == "option" and not (option.is_flag or option.count):
            yield from option.opts
    for each in getattr(command, "commands", {}).values():
        yield from _options_with_value(each)


def _refuse_empty(args: Sequence[str], options: Container[str]) -> None:
    """Refuse an option with an empty value, such as that of an unset shell variable, before it passes for a default.

    Raises:
        BadParameter: there is one.
    """
    said = list(takewhile(lambda each: each != "--", args))
    pairs = [each.partition("=")[::2] for each in said if "=" in each]
    for name, value in [*pairs, *pairwise(said)]:
        if name in options and not value.strip():
            raise typer.BadParameter("is empty", param_hint=f"'{name}'")


app = typer.Typer(
    name=PROGRAM,
    cls=Program,
    help="Imports ccusage reports into ClickHouse, never loses a number that ccusage once showed, and says why "
    "each number changed.",
    epilog=EXIT_CODES,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    invoke_without_command=True,
)


def _print_version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it with the value of the option
    if wanted:
        print(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def _program(
    context: typer.Context,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        import_module("ccusage_import.cli.dashboard").dashboard()

"""`pomona`: the application and its commands."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pomona_cli import changing, looking, mending, taking
from pomona_cli.commands import NOTHING_DONE, interruptible
from pomona_cli.terminal import show


class Commands(TyperGroup):
    """Tells an interruption also while a command is being chosen: typer ends there without a word."""

    def make_context(self, *words: Any, **options: Any) -> Any:  # noqa: ANN401 - as typer has it
        """Read the words that come before the command."""
        with interruptible(lambda: NOTHING_DONE):
            return super().make_context(*words, **options)

    def invoke(self, *words: Any, **options: Any) -> Any:  # noqa: ANN401
        """Read the others, and run the command."""
        with interruptible(lambda: NOTHING_DONE):
            return super().invoke(*words, **options)


app = typer.Typer(
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a traceback must not show credentials
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    looking.status,
    looking.runs,
    looking.errors,
    looking.logs,
    changing.backfill,
    mending.retry,
    mending.discard,
    mending.resume,
    mending.repair,
    changing.erase,
    taking.export,
):
    app.command()(command)


def _show_version(asked: bool) -> None:
    if asked:
        show(f"pomona {_installed_version()}")
        raise typer.Exit


def _installed_version() -> str:
    try:
        return version("pomona")
    except PackageNotFoundError:  # run from the sources
        return "unreleased"


@app.callback()
def pomona(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Looks after a deployed Pomona. Every command takes --stack (or POMONA_STACK), --region and --endpoint-url."""

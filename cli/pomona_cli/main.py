"""`pomona`: the application and its commands."""

from typing import Annotated

import typer

from pomona_cli import __version__, changing, looking, taking
from pomona_cli.terminal import show

app = typer.Typer(
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
    changing.retry,
    changing.erase,
    taking.export,
):
    app.command()(command)


def _version(asked: bool) -> None:
    if asked:
        show(f"pomona {__version__}")
        raise typer.Exit


@app.callback()
def pomona(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Looks after a deployed Pomona. Every command takes --stack (or POMONA_STACK), --region and --endpoint-url."""

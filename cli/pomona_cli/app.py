"""The Typer application with its commands."""

from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from pomona_cli.commands.backfill import backfill
from pomona_cli.commands.discard import discard
from pomona_cli.commands.duplicates import duplicates
from pomona_cli.commands.erase import erase
from pomona_cli.commands.errors import errors
from pomona_cli.commands.export import export
from pomona_cli.commands.identify import identify
from pomona_cli.commands.logs import logs
from pomona_cli.commands.refit import refit
from pomona_cli.commands.repair import repair
from pomona_cli.commands.report import report
from pomona_cli.commands.resume import resume
from pomona_cli.commands.retry import retry
from pomona_cli.commands.runs import runs
from pomona_cli.commands.similar import similar
from pomona_cli.commands.stack_command import EndpointUrl, Region, StackName
from pomona_cli.commands.status import status
from pomona_cli.output.stream import print_line
from pomona_cli.stack.location import StackOptions

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,  # a traceback must not show credentials
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (
    status,
    runs,
    errors,
    logs,
    report,
    refit,
    backfill,
    retry,
    discard,
    resume,
    repair,
    erase,
    export,
    identify,
    similar,
    duplicates,
):
    app.command()(command)


def _print_version(wanted: bool) -> None:
    if wanted:
        print_line(f"pomona {_installed_version()}")
        raise typer.Exit


def _installed_version() -> str:
    try:
        return version("pomona")
    except PackageNotFoundError:  # run from the sources
        return "unreleased"


@app.callback()
def pomona(
    context: typer.Context,
    stack_name: StackName = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    show_version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version and exit.")
    ] = False,
) -> None:
    """Look after a deployed Pomona. The options that name the stack may stand before or after the command."""
    context.obj = StackOptions(stack_name, region, endpoint_url)

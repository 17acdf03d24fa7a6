"""Commands that work on a stack: the options that name it, error messages, and Ctrl-C."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import typer

from pomona_cli.errors import UsageError
from pomona_cli.exit_status import FAILED
from pomona_cli.output.interruption import on_interrupt
from pomona_cli.output.stream import print_message
from pomona_cli.output.text import escape
from pomona_cli.stack.location import StackLocation, StackOptions, locate

NOTHING_CHANGED = "Nothing was changed; run the command again."
_PANEL = "Which stack"
StackName = Annotated[
    str | None,
    typer.Option("--stack", help="Name of the stack (POMONA_STACK; default: pomona).", rich_help_panel=_PANEL),
]
Region = Annotated[
    str | None,
    typer.Option(
        "--region", help="AWS Region (AWS_REGION, AWS_DEFAULT_REGION; default: the profile's).", rich_help_panel=_PANEL
    ),
]
EndpointUrl = Annotated[
    str | None,
    typer.Option("--endpoint-url", help="Address of the embedded AWS (AWS_ENDPOINT_URL).", rich_help_panel=_PANEL),
]
_OPTIONS = {"stack_name": StackName, "region": Region, "endpoint_url": EndpointUrl}


def stack_command(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a stack, and pass the stack to the command's parameter `stack`."""

    @functools.wraps(command)
    def run(
        *,
        context: typer.Context,
        stack_name: str | None,
        region: str | None,
        endpoint_url: str | None,
        **options: Any,  # noqa: ANN401 - the command's own
    ) -> None:
        try:
            with on_interrupt(lambda: NOTHING_CHANGED):
                location = locate(StackOptions(stack_name, region, endpoint_url), context.obj)
                with _errors_explained(location):
                    from pomona_cli.stack.stack import find_stack

                    command(find_stack(location), **options)
        except UsageError as error:
            raise typer.BadParameter(escape(error)) from error

    _add_options(run, command)
    return run


@contextmanager
def _errors_explained(location: StackLocation) -> Iterator[None]:
    """End the command with a message for an error, except for a usage error and a fault of the program."""
    try:
        yield
    except (typer.Exit, UsageError):
        raise
    except Exception as error:
        from pomona_cli.stack.aws_errors import explain

        message = explain(error, location)
        if message is None:
            raise
        print_message(f"pomona: {message}")
        raise typer.Exit(FAILED) from error


def _add_options(run: Callable[..., None], command: Callable[..., None]) -> None:
    """Give `run` the signature that Typer reads: the command's parameters without `stack`, and the stack options."""
    own = [
        parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY)
        for name, parameter in inspect.signature(command).parameters.items()
        if name != "stack"
    ]
    added = [
        inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context),
        *(
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=None)
            for name, kind in _OPTIONS.items()
        ),
    ]
    run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}

"""Commands that work on a stack: the options that name it, error messages, and Ctrl-C."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from pomona_cli.errors import UsageError
from pomona_cli.exit_status import FAILED
from pomona_cli.output.interruption import on_interrupt
from pomona_cli.output.stream import print_message
from pomona_cli.output.text import escape
from pomona_cli.stack.location import StackLocation

NOTHING_CHANGED = "Nothing was changed; it can be started again."
_PANEL = "Which stack"
StackName = Annotated[
    str, typer.Option("--stack", envvar="POMONA_STACK", help="Name of the stack.", rich_help_panel=_PANEL)
]
Region = Annotated[
    str | None,
    typer.Option("--region", help="AWS Region  [env var: AWS_REGION, AWS_DEFAULT_REGION]", rich_help_panel=_PANEL),
]
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url", envvar="AWS_ENDPOINT_URL", help="Address of the embedded AWS.", rich_help_panel=_PANEL
    ),
]
_OPTIONS = {"stack_name": (StackName, "pomona"), "region": (Region, None), "endpoint_url": (EndpointUrl, None)}


def stack_command(command: Callable[..., None]) -> Callable[..., None]:
    """Add the options that name a stack, and pass the stack to the command's parameter `stack`."""

    @functools.wraps(command)
    def run(*, stack_name: str, region: str | None, endpoint_url: str | None, **options: Any) -> None:  # noqa: ANN401
        location = StackLocation(stack_name, region, endpoint_url)
        try:
            with on_interrupt(lambda: NOTHING_CHANGED):
                from pomona_cli.stack.location import resolve
                from pomona_cli.stack.stack import find_stack

                location = resolve(location)
                command(find_stack(location), **options)
        except typer.Exit:
            raise
        except UsageError as error:
            raise typer.BadParameter(escape(error)) from error
        except Exception as error:
            _report(error, location)

    _add_options(run, command)
    return run


def _report(error: Exception, location: StackLocation) -> None:
    """End the command with the message for an error; raise the error if it has none."""
    from pomona_cli.stack.aws_errors import explain

    message = explain(error, location)
    if message is None:
        raise error
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
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, annotation=kind, default=default)
        for name, (kind, default) in _OPTIONS.items()
    ]
    run.__signature__ = inspect.Signature([*own, *added])  # type: ignore[attr-defined]
    run.__annotations__ = {parameter.name: parameter.annotation for parameter in [*own, *added]}

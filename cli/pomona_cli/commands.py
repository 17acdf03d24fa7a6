"""What every command shares: the options that say which stack, errors told in a sentence, an end by Ctrl-C."""

import functools
import inspect
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from pomona_cli.entry import INTERRUPTED
from pomona_cli.errors import Place, explain
from pomona_cli.stack import NO_REGION, find_stack, place_of
from pomona_cli.terminal import say

NOTHING_DONE = "Nothing was changed; it can be started again."
_WHERE = "Which stack"
StackName = Annotated[
    str, typer.Option("--stack", envvar="POMONA_STACK", help="Name of the stack.", rich_help_panel=_WHERE)
]
Region = Annotated[
    str | None,
    typer.Option("--region", help="AWS region  [env var: AWS_REGION, AWS_DEFAULT_REGION]", rich_help_panel=_WHERE),
]
EndpointUrl = Annotated[
    str | None,
    typer.Option(
        "--endpoint-url", envvar="AWS_ENDPOINT_URL", help="The embedded AWS, if it is one.", rich_help_panel=_WHERE
    ),
]
Prefix = Annotated[str, typer.Option("--prefix", help="Only keys that begin with this.")]
Reason = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Only errors whose reason has this text.")]
Limit = Annotated[int, typer.Option("--limit", min=1, max=10_000, help="How many at most.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]
TIME_FORMS = "YYYY-MM-DD[THH:MM:SS]"
_OPTIONS = {"stack_name": (StackName, "pomona"), "region": (Region, None), "endpoint_url": (EndpointUrl, None)}


def on_a_stack(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command the options that name a stack, and its first parameter, `stack`, the stack itself."""

    @functools.wraps(command)
    def run(*, stack_name: str, region: str | None, endpoint_url: str | None, **options: Any) -> None:  # noqa: ANN401
        place = Place(stack_name, region or NO_REGION, endpoint_url)
        try:
            with interruptible(lambda: NOTHING_DONE):
                place = place_of(stack_name, region, endpoint_url)
                command(find_stack(place), **options)
        except Exception as error:
            _tell(error, place)

    _sign(run, command)
    return run


def utc(text: str) -> datetime:
    """A point in time as an operator types it: in UTC, unless it says another offset."""
    try:
        at = datetime.fromisoformat(text)
        return at.astimezone(UTC) if at.tzinfo else at.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise typer.BadParameter(f"{text!r} is no time: write YYYY-MM-DD or YYYY-MM-DDTHH:MM:SS (UTC).") from None


@contextmanager
def interruptible(sentence: Callable[[], str]) -> Iterator[None]:
    """Ctrl-C ends the command with a sentence that says what was done."""
    try:
        yield
    except KeyboardInterrupt:
        say(f"Interrupted. {sentence()}")
        raise typer.Exit(INTERRUPTED) from None


def _tell(error: Exception, place: Place) -> None:
    sentence = None if isinstance(error, typer.Exit) else explain(error, place)
    if sentence is None:
        raise error
    say(f"pomona: {sentence}")
    raise typer.Exit(1) from error


def _sign(run: Callable[..., None], command: Callable[..., None]) -> None:
    """Let typer see the command's own parameters, without the stack, and the options that find it."""
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

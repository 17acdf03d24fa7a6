"""`pomona identify`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from pomona_cli.commands.options import Json
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.exit_status import FAILED
from pomona_cli.output.stream import print_json, print_line, print_message

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack

Files = Annotated[list[str], typer.Argument(metavar="FILE...", help="Image files; - is stdin.")]
Candidates = Annotated[int, typer.Option(min=1, max=100, help="Name this many classes at most.")]
Nearest = Annotated[int, typer.Option(min=0, max=100, help="Name this many similar images at most.")]


@stack_command
def identify(
    stack: "Stack", files: Files, candidates: Candidates = 3, nearest: Nearest = 3, json: Json = False
) -> None:
    """Say what image files show: class, probability, next candidates, and the most similar images of the table.

    The answer is that of the newest refit, with its network. Nothing is uploaded.
    """
    from pomona_cli.identification import ImageFileError, deployed_results, identify_file

    results, failed = deployed_results(stack, "identify"), 0
    for file in files:
        try:
            found = identify_file(results, file, stack.settings.max_image_bytes, candidates, nearest)
        except ImageFileError as error:
            failed += 1
            print_message(f"{file}: {error}")
            if json:
                print_json([{"file": file, "error": str(error)}])
            continue
        if json:
            print_json([{"file": file} | found])
        else:
            _print(file, found)
    if failed:
        raise typer.Exit(FAILED)


def _print(file: str, found: dict[str, Any]) -> None:
    best, *others = found["candidates"] or [None]
    print_line(f"{file}: {_candidate(best) if best else 'no class: the table has fewer than two labels'}")
    if others:
        print_line(f"  else     {', '.join(map(_candidate, others))}")
    for number, one in enumerate(found["nearest"]):
        print_line(f"  {'' if number else 'similar':7}  {one['similarity']:.3f}  {one['key']}")


def _candidate(candidate: dict[str, Any]) -> str:
    return f"{candidate['label']} {100 * candidate['probability']:.1f} %"

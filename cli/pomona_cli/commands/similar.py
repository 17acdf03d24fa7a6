"""`pomona similar`."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.options import Json
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.output.stream import print_json, print_line, print_message

if TYPE_CHECKING:
    from pomona_cli.stack.stack import Stack

Image = Annotated[str, typer.Argument(metavar="KEY|FILE", help="Key of an image of the table, or a file; - is stdin.")]
Count = Annotated[int, typer.Option("--k", "-k", min=1, max=1000, help="Show this many images at most.")]


@stack_command
def similar(stack: "Stack", image: Image, k: Count = 10, json: Json = False) -> None:
    """Show the images of the table that are most like one of them, or like an image file.

    The similarity is the cosine of the two projections of the newest refit: 1 for the same picture.
    """
    from pomona_cli.similar import similar_images

    found = similar_images(stack, image, k)
    if json:
        print_json(map(asdict, found))
        return
    for one in found:
        print_line(f"{one.similarity:.3f}  {one.key}")
    if not found:
        print_message("The last refit has no other image.")

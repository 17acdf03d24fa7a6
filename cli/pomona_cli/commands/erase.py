"""`pomona erase`."""

from typing import TYPE_CHECKING, Annotated

import typer

from pomona_cli.commands.options import DryRun, Json, Yes
from pomona_cli.commands.stack_command import stack_command
from pomona_cli.output.confirmation import confirm
from pomona_cli.output.interruption import on_interrupt
from pomona_cli.output.stream import print_json, print_line, print_message
from pomona_cli.output.text import plural, plural_with_verb, shorten

if TYPE_CHECKING:
    from pomona_cli.erasures.erase import ErasureCounts
    from pomona_cli.erasures.scope import ErasureScope, ScopeCounts
    from pomona_cli.stack.stack import Stack

KeyPrefix = Annotated[str | None, typer.Argument(metavar="PREFIX", help="Every key that begins with this.")]
KeysFile = Annotated[
    str | None,
    typer.Option(metavar="FILE", help="The keys in this file (- is stdin): one a line, or JSON lines (.jsonl)."),
]


@stack_command
def erase(
    stack: "Stack",
    prefix: KeyPrefix = None,
    keys_from: KeysFile = None,
    yes: Yes = False,
    dry_run: DryRun = False,
    json: Json = False,
) -> None:
    """Erase images for good (GDPR, article 17): objects with all versions, rows, and the snapshots that hold them.

    The objects are deleted at once. The next run deletes the rows and expires the snapshots; until then `status` shows
    the erasure as open.
    """
    from pomona_cli.erasures.keys_file import read_keys
    from pomona_cli.erasures.scope import count, scope_of
    from pomona_cli.output.progress import progress

    scope = scope_of(prefix, None if keys_from is None else read_keys(keys_from))
    with progress("versions found") as counter:
        found = count(stack, scope, counter.add)
    if json and dry_run:
        print_json([vars(found)])
    else:
        _print_scope(stack, scope, found)
    warn_of_unknown_keys(scope, found)
    if not dry_run and (yes or confirm("Delete them for good?", "Nothing was deleted.")):
        _erase(stack, scope, found.versions, json)


def _erase(stack: "Stack", scope: "ErasureScope", versions: int, json: bool) -> None:
    from pomona_cli.erasures.erase import ErasureCounts, erase
    from pomona_cli.erasures.request import erasure_summary
    from pomona_cli.output.progress import progress

    counts = ErasureCounts()
    rest = "Start it again with the same prefix or file to continue. Until then `pomona status` shows it."
    with on_interrupt(lambda: f"{plural(counts.versions, 'version')} or more are deleted. {rest}"):
        with progress("versions deleted", versions) as counter:
            erasure = erase(stack, scope, counter.add, counts)
        stack.invoke_advance()
    if json:
        print_json([{**erasure_summary(erasure), **vars(counts)}])
    else:
        _print_result(stack, erasure.id, counts)


def _print_scope(stack: "Stack", scope: "ErasureScope", found: "ScopeCounts") -> None:
    objects = f"{plural(found.objects, 'object')} ({plural(found.versions, 'version')})"
    print_message(f"{scope} in {stack.images_bucket}: {objects}, {plural(found.rows, 'row')}.")
    for key in found.examples:
        print_message(f"  {shorten(key)}")
    if found.objects > len(found.examples):
        print_message("  ...")


def warn_of_unknown_keys(scope: "ErasureScope", found: "ScopeCounts") -> None:
    """Print a warning for a prefix or keys that exist nowhere: with a typing error the person's images would stay."""
    if not found.objects and not found.rows:
        print_message(f"Nothing of {scope} is in the bucket or the table: check the spelling.")
    elif found.unknown:
        are = plural_with_verb(found.unknown, "key")
        print_message(f"{are} neither in the bucket nor in the table: check the spelling.")


def _print_result(stack: "Stack", erasure_id: str, counts: "ErasureCounts") -> None:
    deleted, marked = plural_with_verb(counts.versions, "version"), plural_with_verb(counts.marked, "key")
    print_line(
        f"Erasure {erasure_id} is open: {deleted} deleted, {marked} in the queue. It is final when a run has deleted "
        f"the rows and expired the snapshots that held them. {when_it_starts(stack.settings.launch_after_minutes)} "
        "`pomona status` shows it until then."
    )


def when_it_starts(minutes: int) -> str:
    """Return a sentence that says when the run of an erasure starts."""
    if not minutes:
        return "The run starts now, or after the batch in flight."
    return f"The run starts within {plural(minutes, 'minute')}, or after the batch in flight."

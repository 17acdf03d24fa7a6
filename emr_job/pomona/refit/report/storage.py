"""The table "How little must be stored?"."""

from pomona.refit.report.tables import Cell, Table
from pomona.refit.report.wording import count, percent
from pomona.refit.storage_choices import TYPES, StorageChoices

HEAD = ("stored of an image", "variance", *(f"{kind} {what}" for kind in TYPES for what in ("bytes", "accuracy")))


def storage_table(found: StorageChoices | None) -> Table:
    """Return the choices: a row for each number of components, with bytes and accuracy by type."""
    by_width: dict[str, list[Cell]] = {}
    for choice in found.choices if found else ():
        cells = by_width.setdefault(choice.what, [Cell(choice.what), Cell(percent(choice.variance))])
        cells += [Cell(count(choice.bytes)), Cell(percent(choice.accuracy, 2))]
    caption = (
        f"The accuracy is of {found.rows:,} sampled images, each predicted by a classifier that was fitted to the "
        "unrounded numbers of all images of the other folds. It may differ a little from the accuracy above."
        if found
        else ""
    )
    return Table(HEAD, list(by_width.values()), "Without classes there is no accuracy to compare.", "numbers", caption)

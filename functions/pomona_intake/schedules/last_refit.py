"""Compare the latest results with the table and with the settings."""

from collections.abc import Mapping
from typing import Any

from pomona_contract.documents.backbone import backbone_of_label
from pomona_contract.documents.latest_results import LatestResults
from pomona_contract.documents.nothing_to_fit import NothingToFit
from pomona_intake.settings import Settings


def is_of_table(results: LatestResults | NothingToFit, metadata: Mapping[str, Any]) -> bool:
    """Return False if the table is another one: a table that is dropped and created again has a new UUID."""
    return results.table_uuid is None or results.table_uuid == metadata.get("table-uuid")


def has_settings(results: LatestResults | NothingToFit, settings: Settings) -> bool:
    """Return True if the refit used these components and this backbone, as far as the document tells."""
    asked, backbone = results.components_asked, results.backbone
    has_components = asked is None or _components(asked) == _components(settings.components)
    return has_components and (backbone is None or backbone_of_label(backbone) == settings.backbone_name)


def _components(asked: str) -> tuple[bool, float]:
    """Return whether it is a number of components, and its value: `.95` and `0.950` are the same share."""
    return asked.isdigit(), float(asked)

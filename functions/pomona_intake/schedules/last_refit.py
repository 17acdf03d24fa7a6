"""`results/latest.json`: what the last refit was fitted to, and with which settings."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from pomona_intake.queue.documents import read_document
from pomona_intake.settings import Settings

LATEST = "results/latest.json"
_FORMAT = 1


@dataclass(frozen=True)
class Fitted:
    """The last refit. A field is None if the release that wrote the document did not record it."""

    snapshot_id: int
    table_uuid: str | None
    components: str | None
    """As asked for: a number such as `100`, or a share of the variance such as `0.95`."""
    backbone: str | None
    """Name and digest, `name@digest`."""

    @classmethod
    def from_json(cls, body: bytes) -> Self:
        """Return what the document says; FormatError if it cannot be read."""
        return read_document(LATEST, body, (_FORMAT,), cls._from_document)

    @classmethod
    def _from_document(cls, _version: int, document: dict[str, Any]) -> Self:
        return cls(
            snapshot_id=int(document["snapshot_id"]),
            table_uuid=document.get("table_uuid"),
            components=document.get("components_asked"),
            backbone=document.get("backbone"),
        )

    def is_of(self, metadata: Mapping[str, Any]) -> bool:
        """Return False if the table of these metadata is another one: dropped and created again, it has a new UUID."""
        return self.table_uuid is None or self.table_uuid == metadata.get("table-uuid")

    def has_settings(self, settings: Settings) -> bool:
        """Return True if it was fitted with these components and this backbone, as far as the document tells."""
        components, backbone = self.components, self.backbone
        same_components = components is None or _meaning(components) == _meaning(settings.components)
        return same_components and (backbone is None or backbone.partition("@")[0] == settings.backbone_name)


def _meaning(components: str) -> tuple[bool, float]:
    """Whether it is a number of components, and its value: `.95` and `0.950` are the same share."""
    return components.isdigit(), float(components)

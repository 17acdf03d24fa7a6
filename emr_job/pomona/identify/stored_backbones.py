"""The networks that the lake keeps, each under its digest, fetched once into a folder on disk."""

import tempfile
from pathlib import Path
from typing import Any

from pomona.backbone import ExportedBackbone, load_backbone
from pomona.errors import MisconfiguredError
from pomona_contract.documents.backbone import BackboneDescription, backbone_of_label
from pomona_contract.errors import FormatError, TerminalError
from pomona_contract.lake_layout import backbone_folder


class NotPublishedError(TerminalError):
    """The lake does not have the network: no deployment has brought it."""


def stored_backbone(s3: Any, lake: str, label: str, folder: Path) -> ExportedBackbone:  # noqa: ANN401 - boto3's clients
    """Return the network of a label (name@digest), after fetching it if the folder lacks it or has it damaged.

    Raises:
        NotPublishedError: the lake does not have it.
        MisconfiguredError: what was fetched is not what the label says.
    """
    name, kept = backbone_of_label(label), folder / label.replace("@", "-")
    try:
        return load_backbone(name, kept)
    except (MisconfiguredError, FormatError):
        _fetch(s3, lake, label, kept)
    return load_backbone(name, kept)


def _fetch(s3: Any, lake: str, label: str, target: Path) -> None:  # noqa: ANN401
    """Write the network and, after it, its description to the folder. Two processes may do it at once."""
    name, prefix = f"{backbone_of_label(label)}.json", backbone_folder(label)
    description = _required(s3, lake, prefix + name)
    target.mkdir(parents=True, exist_ok=True)
    network = BackboneDescription.from_json(name, description).file
    for file, body in ((network, _required(s3, lake, prefix + network)), (name, description)):
        with tempfile.NamedTemporaryFile(dir=target, delete=False) as written:
            written.write(body)
        Path(written.name).replace(target / file)


def _required(s3: Any, lake: str, key: str) -> bytes:  # noqa: ANN401
    try:
        body: bytes = s3.get_object(Bucket=lake, Key=key)["Body"].read()
    except s3.exceptions.NoSuchKey:
        raise NotPublishedError(
            f"{key} is missing in the lake: deploy this release with that backbone again."
        ) from None
    return body

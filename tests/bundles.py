"""A job.tar.gz that holds only networks."""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterable

from pomona_contract.documents.backbone import BackboneDescription


def network(name: str) -> bytes:
    return f"the network {name}".encode()


def digest_of(name: str) -> str:
    return hashlib.sha256(network(name)).hexdigest()


def job_archive(backbones: Iterable[str], mark: str = "") -> bytes:
    """The archive with these networks; another mark makes another archive."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        _add(archive, "mark", mark.encode())
        for name in backbones:
            described = BackboneDescription(name, digest_of(name), f"{name}.tflite", 8, 8, "uint8", 16)
            _add(archive, f"backbones/{name}.json", json.dumps(described.document()).encode())
            _add(archive, f"backbones/{name}.tflite", network(name))
    return packed.getvalue()


def _add(archive: tarfile.TarFile, name: str, body: bytes) -> None:
    entry = tarfile.TarInfo(name)
    entry.size = len(body)
    archive.addfile(entry, io.BytesIO(body))

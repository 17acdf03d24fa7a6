"""Copy the backbones of the bundle to where whoever identifies an image finds exactly the network of the results."""

import tarfile
from typing import Any

from pomona_contract.documents.backbone import BackboneDescription, backbone_label
from pomona_contract.lake_layout import BACKBONES, backbone_folder
from pomona_provisioning.bundles import Bundle, size_of

JOB_ARCHIVE = "job.tar.gz"


def publish_backbones(s3: Any, bucket: str, bundle: Bundle) -> None:  # noqa: ANN401 - boto3's clients have no type
    """Copy each network and its description that is not in the bucket yet. The archive of the job has them.

    The description comes last: a folder that has one is complete.
    """
    with tarfile.open(bundle.folder / JOB_ARCHIVE) as archive:
        for name in bundle.description.backbones:
            described = f"{BACKBONES}{name}.json"
            body = _file(archive, described).read()
            network = BackboneDescription.from_json(described, body)
            folder = backbone_folder(backbone_label(name, network.digest))
            for member in (f"{BACKBONES}{network.file}", described):
                key = folder + member.removeprefix(BACKBONES)
                if size_of(s3, bucket, key) != archive.getmember(member).size:
                    s3.upload_fileobj(_file(archive, member), bucket, key)


def _file(archive: tarfile.TarFile, name: str) -> Any:  # noqa: ANN401 - a readable file
    file = archive.extractfile(name)
    if file is None:
        raise KeyError(f"{name} of {JOB_ARCHIVE} is not a file")
    return file

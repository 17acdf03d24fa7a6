"""ListObjectVersions as S3 implements it: keys in the requested encoding, and pages that survive deletions.

moto does not encode keys (a control character then breaks the XML), loses its position when the last version of a page
is deleted before the next request, and copies the whole bucket for every page.
"""

from collections.abc import Iterator
from itertools import islice
from typing import Any
from urllib.parse import quote

from embedded_aws.moto_internals.protocols import ActionResult
from embedded_aws.moto_internals.s3 import FakeDeleteMarker, moto_list_object_versions


def list_object_versions(self: Any) -> Any:
    """Replace S3Response.list_object_versions; moto handles a delimiter."""
    asked = {name: values[0] for name, values in self._get_querystring(self.request, self.uri).items()}
    if asked.get("delimiter"):
        return moto_list_object_versions(self)
    bucket = self.backend.get_bucket(self.bucket_name)
    most = int(asked.get("max-keys") or 1000)
    after = (asked.get("key-marker", ""), asked.get("version-id-marker", ""))
    found = list(islice(_versions(bucket, asked.get("prefix", ""), after), most + 1))
    page, is_truncated = found[:most], len(found) > most
    encode = quote if asked.get("encoding-type") == "url" else str
    result: dict[str, Any] = {
        "Name": bucket.name,
        "Prefix": encode(asked.get("prefix", "")),
        "MaxKeys": most,
        "IsTruncated": is_truncated,
        "Versions": [_version(one, latest, encode) for one, latest in page if not isinstance(one, FakeDeleteMarker)],
        "DeleteMarkers": [_described(one, latest, encode) for one, latest in page if isinstance(one, FakeDeleteMarker)],
    }
    if asked.get("encoding-type"):
        result["EncodingType"] = asked["encoding-type"]
    if is_truncated:
        last = page[-1][0]
        result |= {"NextKeyMarker": encode(last.name), "NextVersionIdMarker": _id(last)}
    self.data["Action"] = "ListObjectVersions"
    return self.serialized(ActionResult(result))


def _versions(bucket: Any, prefix: str, after: tuple[str, str]) -> Iterator[tuple[Any, bool]]:
    """Yield the versions after a key and version, each key's newest first, with True for the newest."""
    key_marker, version_marker = after
    for name in sorted(name for name in dict(bucket.keys) if name.startswith(prefix) and name >= key_marker):
        versions = list(reversed(bucket.keys.getlist(name, [])))
        if name == key_marker:
            ids = [_id(one) for one in versions]
            begin = ids.index(version_marker) + 1 if version_marker in ids else 0 if version_marker else len(ids)
        else:
            begin = 0
        yield from ((one, one is versions[0]) for one in versions[begin:])


def _id(version: Any) -> str:
    return "null" if version.version_id is None else str(version.version_id)


def _described(version: Any, is_latest: bool, encode: Any) -> dict[str, Any]:
    return {
        "Key": encode(version.name),
        "VersionId": _id(version),
        "IsLatest": is_latest,
        "LastModified": version.last_modified_ISO8601,
    }


def _version(version: Any, is_latest: bool, encode: Any) -> dict[str, Any]:
    about = {"ETag": version.etag, "Size": version.size, "StorageClass": version.storage_class}
    return _described(version, is_latest, encode) | about

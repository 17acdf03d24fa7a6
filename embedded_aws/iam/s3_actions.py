"""The IAM actions of S3's requests: https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazons3.html"""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from html import unescape

from embedded_aws.iam.api_request import ApiRequest
from embedded_aws.iam.policies import Call

_BUCKET_SETTINGS = {
    "accelerate": "AccelerateConfiguration",
    "acl": "BucketAcl",
    "cors": "BucketCORS",
    "encryption": "EncryptionConfiguration",
    "lifecycle": "LifecycleConfiguration",
    "location": "BucketLocation",
    "logging": "BucketLogging",
    "notification": "BucketNotification",
    "ownershipControls": "BucketOwnershipControls",
    "policy": "BucketPolicy",
    "publicAccessBlock": "BucketPublicAccessBlock",
    "tagging": "BucketTagging",
    "versioning": "BucketVersioning",
}
_OBJECT_SETTINGS = {"acl": "ObjectAcl", "tagging": "ObjectTagging"}
_ON_LISTS = {"": "ListBucket", "versions": "ListBucketVersions", "uploads": "ListBucketMultipartUploads"}
_LIST_OPTIONS = {"list-type", "prefix", "delimiter", "max-keys", "marker", "encoding-type", "fetch-owner"}
_LIST_OPTIONS |= {"continuation-token", "start-after", "key-marker", "version-id-marker", "max-uploads"}
_LIST_OPTIONS |= {"upload-id-marker", "max-buckets", "x-id"}


@dataclass(frozen=True)
class BucketFacts:
    """What a request's actions depend on besides the request: whether the key exists, and the bucket's KMS key."""

    has: Callable[[str], bool] = field(default=lambda _key: True)
    kms_key: str = ""  # ARN; empty: S3's own


def s3_calls(request: ApiRequest, bucket_of: Callable[[str], BucketFacts]) -> list[Call]:
    """Return the calls of a request. To GET a missing object needs ListBucket too; without it S3 responds with 403."""
    name, _, key = request.path[1:].partition("/")
    if not name:
        return [Call("s3:ListAllMyBuckets", "*")]
    bucket = bucket_of(name)
    plain = list(_on_object(request, name, key, bucket) if key else _on_bucket(request, name))
    return plain + list(_encryption(plain, bucket, request))


def _on_object(request: ApiRequest, name: str, key: str, bucket: BucketFacts) -> Iterator[Call]:
    arn = f"arn:aws:s3:::{name}/{key}"
    for setting, noun in _OBJECT_SETTINGS.items():
        if setting in request.query:
            yield Call(f"s3:{_VERBS[request.method]}{noun}", arn)
            return
    version = "Version" if "versionId" in request.query else ""
    if request.method in ("GET", "HEAD"):
        yield Call("s3:ListMultipartUploadParts" if "uploadId" in request.query else f"s3:GetObject{version}", arn)
        if not bucket.has(key):
            yield Call("s3:ListBucket", f"arn:aws:s3:::{name}")
    elif request.method == "DELETE":
        yield Call("s3:AbortMultipartUpload" if "uploadId" in request.query else f"s3:DeleteObject{version}", arn)
    elif request.method == "PUT" or {"uploads", "uploadId"} & set(request.query):
        yield Call("s3:PutObject", arn)
        if source := request.headers.get("x-amz-copy-source"):
            yield Call("s3:GetObject", f"arn:aws:s3:::{source.lstrip('/')}")
        if "if-match" in request.headers:
            yield Call("s3:GetObject", arn)


_VERBS = {"GET": "Get", "HEAD": "Get", "PUT": "Put", "DELETE": "Delete", "POST": "Put"}


def _on_bucket(request: ApiRequest, name: str) -> Iterator[Call]:
    arn = f"arn:aws:s3:::{name}"
    if request.method == "POST" and "delete" in request.query:
        yield from _deletions(request.body.decode(), arn)
        return
    subresources = set(request.query) - _LIST_OPTIONS
    subresource = next(iter(subresources), "")
    if subresource in _BUCKET_SETTINGS:
        yield Call(f"s3:{_VERBS[request.method]}{_BUCKET_SETTINGS[subresource]}", arn)
    elif request.method in ("GET", "HEAD") and subresource in _ON_LISTS:
        prefix = (("s3:prefix", request.query["prefix"]),) if "prefix" in request.query else ()
        yield Call(f"s3:{_ON_LISTS[subresource]}", arn, prefix)
    elif not subresources and request.method in ("PUT", "DELETE"):
        yield Call("s3:CreateBucket" if request.method == "PUT" else "s3:DeleteBucket", arn)


def _deletions(body: str, arn: str) -> Iterator[Call]:
    for one in re.findall(r"<Object>(.*?)</Object>", body, re.DOTALL):
        key = re.search(r"<Key>(.*?)</Key>", one, re.DOTALL)
        version = "Version" if "<VersionId>" in one else ""
        yield Call(f"s3:DeleteObject{version}", f"{arn}/{unescape(key[1]) if key else ''}")


def _encryption(calls: list[Call], bucket: BucketFacts, request: ApiRequest) -> Iterator[Call]:
    """S3 uses the KMS key for the caller: Decrypt to read, GenerateDataKey to write, both in a multipart upload."""
    if not bucket.kms_key:
        return
    context = (("kms:viaservice", f"s3.{request.region}.amazonaws.com"),)
    actions = {call.action for call in calls}
    parts = {"uploads", "uploadId"} & set(request.query)
    if "s3:GetObject" in actions or "s3:GetObjectVersion" in actions or ("s3:PutObject" in actions and parts):
        yield Call("kms:Decrypt", bucket.kms_key, context)
    if "s3:PutObject" in actions:
        yield Call("kms:GenerateDataKey", bucket.kms_key, context)

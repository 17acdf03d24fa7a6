"""publish: the bundle of `sam build` reaches the lake once, under its digest, and CloudFormation always hears of it."""

import json
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from types import SimpleNamespace

import boto3
import pytest
from moto import mock_aws
from moto.core import DEFAULT_ACCOUNT_ID as ACCOUNT_ID
from moto.s3.models import s3_backends

import publish
from pomona.backbone import load_backbone
from pomona_contract.documents.backbone import backbone_label
from pomona_contract.lake_layout import backbone_folder
from pomona_provisioning import bundles
from pomona_provisioning.bundles import Bundle, BundleError, remove_old
from tests.bundles import digest_of, job_archive
from tests.unit.cloudformation_answers import answering

EVENTS = Path(__file__).resolve().parents[2] / "events"


@pytest.fixture
def answers() -> Iterator[list[dict]]:
    """What CloudFormation receives; the first entry holds the address it listens at."""
    with answering() as (url, received):
        received.append({"url": url})
        yield received


@pytest.fixture
def lambda_context() -> SimpleNamespace:
    return SimpleNamespace(
        function_name="publish", memory_limit_in_mb=512, invoked_function_arn="arn", aws_request_id="1"
    )


@pytest.fixture
def bundle(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "featurize_job.py").write_text("print()")
    (folder / "deps.tar.gz").write_bytes(b"packages")
    describe(folder, format=1)
    monkeypatch.setattr(publish, "BUNDLE", folder)
    return folder


def describe(folder: Path, **changes: object) -> None:
    described = {
        "format": 1,
        "digest": "ab" * 32,
        "files": {"featurize_job.py": "", "job.tar.gz": "", "deps.tar.gz": ""},
        "backbones": ["fruitnet"],
    }
    (folder / "bundle.json").write_text(json.dumps({**described, **changes}))
    (folder / "job.tar.gz").write_bytes(job_archive({**described, **changes}["backbones"]))


@pytest.fixture
def lake(monkeypatch: pytest.MonkeyPatch) -> Iterator[object]:
    for name, value in {"LAKE_BUCKET": "lake", "AWS_DEFAULT_REGION": "eu-west-3"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "test")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "test")
    with mock_aws(config={"core": {"passthrough": {"urls": ["http://127.0.0.1:.*"]}}}):
        s3 = boto3.client("s3")
        s3.create_bucket(Bucket="lake", CreateBucketConfiguration={"LocationConstraint": "eu-west-3"})
        yield s3


def request(name: str, answers: list[dict], **properties: str) -> dict:
    event = json.loads((EVENTS / f"publish-{name}.json").read_text())
    event["ResponseURL"] = answers[0]["url"]
    event["ResourceProperties"].update(properties)
    return event


def keys(s3, prefix: str = "") -> list[str]:
    return [item["Key"] for item in s3.list_objects_v2(Bucket="lake", Prefix=prefix).get("Contents", [])]


@pytest.mark.parametrize("name", ["create", "update"])
def test_the_bundle_is_in_the_lake_before_the_stack_goes_on(name, bundle, lake, answers, lambda_context):
    # Given a bundle that sam build made
    # When CloudFormation creates or updates the resource
    publish.handler(request(name, answers, BackboneName="fruitnet"), lambda_context)
    # Then its files lie under its digest, and the stack hears where
    assert [key for key in keys(lake) if key.startswith("jobs/") and "published-by" not in key] == [
        f"jobs/{'ab' * 8}/deps.tar.gz",
        f"jobs/{'ab' * 8}/featurize_job.py",
        f"jobs/{'ab' * 8}/job.tar.gz",
    ]
    assert answers[1]["Status"] == "SUCCESS"
    assert answers[1]["Data"] == {"Prefix": f"jobs/{'ab' * 8}"}


def test_each_network_lies_under_its_digest_for_whoever_identifies_images(bundle, lake, answers, lambda_context):
    # Given a release with one network, and one with another beside it
    ask(answers, lambda_context, 1, "none")
    first = keys(lake, "backbones/")
    describe(bundle, digest="cd" * 32, backbones=["fruitnet", "vgg16"])
    # When both have been published
    ask(answers, lambda_context, 2, "none")
    # Then each network is in the folder of its label, where load_backbone finds and checks it
    folders = [backbone_folder(backbone_label(name, digest_of(name))) for name in ("fruitnet", "vgg16")]
    assert first == [f"{folders[0]}fruitnet.json", f"{folders[0]}fruitnet.tflite"]
    assert keys(lake, "backbones/") == [*first, f"{folders[1]}vgg16.json", f"{folders[1]}vgg16.tflite"]
    lake.download_file("lake", f"{folders[1]}vgg16.json", str(bundle / "vgg16.json"))
    lake.download_file("lake", f"{folders[1]}vgg16.tflite", str(bundle / "vgg16.tflite"))
    assert load_backbone("vgg16", bundle).digest == digest_of("vgg16")


def test_a_network_that_is_there_is_not_copied_again(bundle, lake, answers, lambda_context):
    ask(answers, lambda_context, 1, "none")
    copied = {item["Key"]: item["LastModified"] for item in lake.list_objects_v2(Bucket="lake")["Contents"]}
    lake.delete_object(Bucket="lake", Key=next(key for key in copied if key.endswith("fruitnet.json")))
    before = lake.list_objects_v2(Bucket="lake", Prefix="backbones/")["Contents"]
    s3_backends[ACCOUNT_ID]["aws"].buckets["lake"].keys[before[0]["Key"]].last_modified = datetime(2000, 1, 1)
    # When the same release is deployed again after half of the copy was lost
    ask(answers, lambda_context, 1, "none")
    # Then the missing half is there, and the other has not been written again
    after = {item["Key"]: item["LastModified"] for item in lake.list_objects_v2(Bucket="lake")["Contents"]}
    assert set(after) == set(copied)
    assert after[before[0]["Key"]].year == 2000


def test_a_delete_keeps_what_a_run_in_flight_still_reads(bundle, lake, answers, lambda_context):
    publish.handler(request("create", answers, BackboneName="fruitnet"), lambda_context)
    before = keys(lake)
    publish.handler(request("delete", answers), lambda_context)
    assert keys(lake) == before
    assert answers[2]["Status"] == "SUCCESS"


VERSION = "arn:aws:lambda:eu-west-3:123456789012:function:pomona-PublishFunction"


def ask(answers: list[dict], context: SimpleNamespace, version: int, physical_id: str, **properties: str) -> str:
    """Where the bundle of a version of the function lies, as CloudFormation hears it."""
    properties = {"FunctionVersion": f"{VERSION}:{version}", "BackboneName": "fruitnet", **properties}
    event = request("update", answers, **properties) | {"PhysicalResourceId": physical_id}
    publish.handler(event, context)
    assert answers[-1]["Status"] == "SUCCESS", answers[-1]
    return answers[-1]["Data"]["Prefix"]


@pytest.mark.parametrize("in_place", ["the old code", "the new code"])
def test_a_rollback_goes_back_to_the_old_bundle_whichever_code_is_asked(
    in_place, bundle, lake, answers, lambda_context
):
    # Given two releases, each with a backbone that the other has not
    first = ask(answers, lambda_context, 1, "none")
    describe(bundle, digest="cd" * 32, backbones=["vgg16"])
    second = ask(answers, lambda_context, 2, first, BackboneName="vgg16")
    assert (first, second) == (f"jobs/{'ab' * 8}", f"jobs/{'cd' * 8}")
    # When the second is undone (AWS documents no order of the function's and the bundle's rollback)
    if in_place == "the old code":
        describe(bundle)
    # Then CloudFormation hears of the first bundle, which is still there
    assert ask(answers, lambda_context, 1, second) == first
    assert f"{first}/deps.tar.gz" in keys(lake)


def test_a_release_after_a_rollback_is_published(bundle, lake, answers, lambda_context):
    first = ask(answers, lambda_context, 1, "none")
    describe(bundle, digest="cd" * 32)
    second = ask(answers, lambda_context, 2, first)
    ask(answers, lambda_context, 1, second)
    describe(bundle, digest="ef" * 32)
    assert ask(answers, lambda_context, 3, first) == f"jobs/{'ef' * 8}"


def test_a_backbone_that_is_not_in_the_bundle_fails_the_deployment_with_a_sentence(
    bundle, lake, answers, lambda_context
):
    publish.handler(request("create", answers, BackboneName="vgg16"), lambda_context)
    assert answers[1]["Status"] == "FAILED"
    assert "BackboneName is vgg16, but the bundle holds fruitnet" in answers[1]["Reason"]
    assert keys(lake) == []


def test_a_lake_that_refuses_fails_the_deployment(bundle, lake, answers, lambda_context, monkeypatch):
    monkeypatch.setenv("LAKE_BUCKET", "somebody-elses")
    publish.handler(request("create", answers, BackboneName="fruitnet"), lambda_context)
    assert answers[1]["Status"] == "FAILED"


def test_a_bundle_of_an_unknown_format_is_refused(bundle):
    describe(bundle, format=2)
    with pytest.raises(BundleError, match="format 2"):
        Bundle.open(bundle)


def test_old_bundles_go_but_neither_the_newest_nor_those_in_use(lake, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given five releases, of which the two oldest are in use or were until now
    monkeypatch.setattr(bundles, "BUNDLES_KEPT", 2)
    for number in range(1, 6):
        lake.put_object(Bucket="lake", Key=f"jobs/{number}/job.tar.gz", Body=b"")
        stored = s3_backends[ACCOUNT_ID]["aws"].buckets["lake"].keys[f"jobs/{number}/job.tar.gz"]
        stored.last_modified = datetime(2026, 1, number)
    # When old ones are removed
    assert remove_old(lake, "lake", {"jobs/1", "jobs/2"}) == ["jobs/3"]
    # Then what runs, what ran, and the newest are there
    kept = [found["Key"] for found in lake.list_objects_v2(Bucket="lake", Prefix="jobs/")["Contents"]]
    assert kept == [f"jobs/{number}/job.tar.gz" for number in (1, 2, 4, 5)]

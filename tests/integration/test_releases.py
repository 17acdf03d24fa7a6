"""Release after release of the job: published, undone, and from the release whose bundle was bound to a version."""

from collections.abc import Iterator

import pytest

from tests.local_server import REGION, LocalServer
from tests.template_stack import TemplateStack, bundle_of

LAKE = f"pomona-lake-123456789012-{REGION}"
QUIET = {"ExpressKeys": "0", "LaunchAtKeys": "1000000", "LaunchAfterMinutes": "1440", "ClockSchedule": "rate(1 day)"}
FAILING = {"DatabaseName": "another"}  # refused, after the bundle was published
# what template.yaml and functions/publish.py had in the release before PublishedBundle
EARLIER_RESOURCE = """
  JobBundle:
    Type: Custom::JobBundle
    Properties:
      ServiceToken: !Ref PublishFunction.Version
      ServiceTimeout: 600
      BackboneName: !Ref BackboneName
"""
EARLIER_PUBLISH = """
import os
from pathlib import Path
import boto3
from pomona_provisioning.bundles import Bundle, publish
from pomona_provisioning.custom_resources import Resource, answer

def handler(event, context):
    answer(event, provide)

def provide(request):
    if request["RequestType"] == "Delete":
        return Resource(request["PhysicalResourceId"])
    bundle = Bundle.open(Path(__file__).with_name("bundle"))
    publish(boto3.client("s3"), os.environ["LAKE_BUCKET"], bundle, "unknown")
    return Resource(bundle.prefix, {"Prefix": bundle.prefix})
"""


@pytest.fixture
def aws(tmp_path) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path / "state")
    yield server
    server.stop()


@pytest.fixture
def stack(aws: LocalServer) -> TemplateStack:
    return TemplateStack(aws)


def versions(stack: TemplateStack) -> list[str]:
    name = stack.resources()["PublishFunction"]
    found = stack.aws.client("lambda").list_versions_by_function(FunctionName=name)["Versions"]
    return [one["Version"] for one in found if one["Version"] != "$LATEST"]


def published(stack: TemplateStack) -> str:
    """The bundle that runs start with; its files must be in the lake."""
    prefix = stack.variables()["JOB_PREFIX"]
    assert f"{prefix}/job.tar.gz" in stack.aws.keys(LAKE, "jobs/")
    return prefix


def earlier_release(stack: TemplateStack, mark: str) -> None:
    """Take a build of the release before: its bundle is bound to a version of its function."""
    stack.release(mark, {"publish.py": EARLIER_PUBLISH})
    start = stack.template.index("\n  PublishedBundle:")
    end = stack.template.index("\n  Application:")
    text = stack.template[:start] + EARLIER_RESOURCE + stack.template[end:]
    versions_go = "    DeletionPolicy: Delete  # its versions as well"
    assert versions_go in text
    text = text.replace("PublishedBundle", "JobBundle").replace(versions_go, "    #")
    stack.template = text


def test_each_release_is_published_and_only_the_last_version_of_the_function_stays(stack: TemplateStack) -> None:
    assert stack.deploy(**QUIET) == "CREATE_COMPLETE", stack.aws.reasons("pomona")
    for number, mark in enumerate(("two", "three", "four"), start=2):
        stack.release(mark)
        assert stack.deploy() == "UPDATE_COMPLETE", stack.told()
        assert published(stack) == bundle_of(mark)
        assert versions(stack) == [str(number)]


def test_a_release_that_fails_goes_back_to_the_old_bundle_and_the_next_one_succeeds(stack: TemplateStack) -> None:
    # Given a release
    stack.deploy(**QUIET)
    # When the next one fails after its bundle was published
    stack.release("two")
    assert stack.deploy(**FAILING) == "UPDATE_ROLLBACK_COMPLETE"
    # Then runs start with the old one, and the function has its old version alone
    assert published(stack) == bundle_of("one")
    assert versions(stack) == ["1"]
    # And when a release comes that is right, it is published, whatever the failed one left
    stack.release("three")
    assert stack.deploy() == "UPDATE_COMPLETE", stack.told()
    assert published(stack) == bundle_of("three")
    # And so is one that goes back to an older build
    stack.release("one")
    assert stack.deploy() == "UPDATE_COMPLETE", stack.told()
    assert published(stack) == bundle_of("one")


def test_a_restarted_server_tells_the_versions_of_one_function_apart(stack: TemplateStack) -> None:
    # Given two releases, and a server that comes back with what it has on disk
    stack.deploy(**QUIET)
    stack.release("two")
    stack.deploy()
    stack.aws.kill()
    stack.aws.start()
    # When a third comes, its version is not taken for an earlier one
    stack.release("three")
    assert stack.deploy() == "UPDATE_COMPLETE", stack.told()
    assert published(stack) == bundle_of("three")
    assert versions(stack) == ["3"]


def test_the_release_before_could_not_be_updated_and_the_new_template_updates_it(stack: TemplateStack) -> None:
    # Given the release before, whose own second release CloudFormation refuses
    earlier_release(stack, "one")
    assert stack.deploy(**QUIET) == "CREATE_COMPLETE", stack.aws.reasons("pomona")
    earlier_release(stack, "two")
    assert stack.deploy() == "UPDATE_ROLLBACK_COMPLETE"
    assert "Modifying service token is not allowed." in stack.told()
    assert published(stack) == bundle_of("one")
    # When the new template is deployed, first together with a mistake
    stack.release("three")
    assert stack.deploy(**FAILING) == "UPDATE_ROLLBACK_COMPLETE"
    assert published(stack) == bundle_of("one")
    assert "JobBundle" in stack.resources()
    assert "PublishedBundle" not in stack.resources()
    # Then it comes to run, and the old bundle is still there for a run in flight
    assert stack.deploy() == "UPDATE_COMPLETE", stack.told()
    assert published(stack) == bundle_of("three")
    assert "JobBundle" not in stack.resources()
    assert f"{bundle_of('one')}/job.tar.gz" in stack.aws.keys(LAKE, "jobs/")
    # And the next release removes its own versions; the two of the release before stay until somebody removes them
    stack.release("four")
    assert stack.deploy() == "UPDATE_COMPLETE", stack.told()
    assert versions(stack) == ["1", "2", "4"]

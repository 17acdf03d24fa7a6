"""The life of a deployment, with `sam` alone and a copy of the sources: created, changed, refused, undone, deleted.

The tests follow one stack from its first deployment to its end, in the order in which they are written.
"""

import json
import shutil
from collections.abc import Iterator

import pytest
from botocore.exceptions import ClientError

from tests.local_server import REGION, LocalServer, until
from tests.machine import STACK, Machine

LAKE = f"{STACK}-lake-123456789012-{REGION}"
IMAGES = f"{STACK}-images-123456789012-{REGION}"
QUIET = {"ExpressKeys": "0", "LaunchAtKeys": "1000000", "LaunchAfterMinutes": "1440", "BatchWindowSeconds": "1"}
PATIENCE_SECONDS = 60


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    folder = tmp_path_factory.mktemp("machine")
    server = LocalServer(folder / "state")
    yield Machine.set_up(folder, server)
    server.stop()


def test_sam_build_and_sam_deploy_guided_leave_a_working_system(machine: Machine) -> None:
    # Given a machine with Python and SAM's command line alone
    assert not (machine.home / ".venv").exists()
    # When its owner types these two commands, and Enter at every question
    machine.build(for_lambda=True)
    # its answers are kept in a file of their own: later deployments would repeat them
    shutil.copy(machine.home / "samconfig.toml", machine.home / "guided.toml")
    printed = machine.sam("deploy", "--guided", "--config-file", "guided.toml", answers="\n" * 100)
    # Then code, packages and backbone lie where the jobs read them
    assert f"Successfully created/updated stack - {STACK}" in printed
    (bundle,) = machine.bundles()
    assert {key.split("/")[2] for key in machine.aws.keys(LAKE, "jobs/")} - {"published-by"} == {
        "featurize_job.py",
        "refit_job.py",
        "job.tar.gz",
        "deps.tar.gz",
    }
    assert machine.variables()["JOB_PREFIX"] == f"jobs/{bundle}"


def test_every_function_is_small_enough_for_lambda(machine: Machine) -> None:
    built = machine.home / ".aws-sam" / "build"
    sizes = {
        folder.name: sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for folder in built.iterdir()
        if folder.is_dir()
    }
    assert set(sizes) >= {"IngestFunction", "AdvanceFunction", "RefitFunction", "PublishFunction", "StorageFunction"}
    assert max(sizes.values()) < 250 * 1024**2, sizes


def test_an_unchanged_deployment_changes_nothing(machine: Machine) -> None:
    # Given a deployed build without the packages for Lambda's Python, which every deployment below would pack again
    machine.build()
    machine.deploy()
    before = _events(machine)
    # When it is deployed again
    printed = machine.deploy()
    # Then nothing happens
    assert "No changes to deploy" in printed
    assert _events(machine) == before


def test_a_parameter_reaches_the_functions_and_leaves_the_bundle_alone(machine: Machine) -> None:
    before = machine.bundles()
    machine.deploy(**QUIET)
    assert machine.variables()["LAUNCH_AT_KEYS"] == "1000000"
    assert machine.bundles() == before


def test_a_wrong_parameter_ends_the_deployment_before_anything_is_touched(machine: Machine) -> None:
    before = _events(machine)
    printed = " ".join(machine.deploy(fails=True, Components="1.0").split())
    assert "Components" in printed
    assert "a number of components from 1 to 9999 (such as 100), or a share of the variance" in printed
    assert _events(machine) == before


def test_another_job_lies_beside_the_old_one_which_a_run_in_flight_still_reads(machine: Machine) -> None:
    before = machine.bundles()
    machine.change_the_job("another job")
    machine.deploy()
    assert machine.bundles() > before
    (added,) = machine.bundles() - before
    assert machine.variables()["JOB_PREFIX"] == f"jobs/{added}"
    assert machine.variables()["LAUNCH_AT_KEYS"] == "1000000"  # what was asked for once stays


def test_an_update_that_fails_goes_back_to_the_job_and_the_settings_that_ran(machine: Machine) -> None:
    # Given an update that asks for another database, which is refused, together with a new job
    before = machine.variables()
    machine.change_the_job("a job that never comes to run")
    # When it is deployed
    machine.deploy(fails=True, DatabaseName="another", MaxAttempts="5")
    # Then the reason is told, and everything is as it was
    assert "DatabaseName cannot change from pomona to another" in machine.aws.reasons(STACK)
    assert machine.aws.status(STACK) == "UPDATE_ROLLBACK_COMPLETE"
    assert machine.variables() == before


def test_a_bucket_of_somebodys_own_is_listened_to_beside_others_and_left_as_it_was(machine: Machine) -> None:
    # Given a bucket that already tells another queue of its raw files
    s3, theirs = machine.aws.client("s3"), _their_notification(machine)
    s3.create_bucket(Bucket="photos", CreateBucketConfiguration={"LocationConstraint": REGION})
    s3.put_bucket_notification_configuration(
        Bucket="photos", NotificationConfiguration={"QueueConfigurations": [theirs]}
    )
    # When a second stack uses two prefixes of it
    own = {"ImagesBucketName": "photos", "ImagesPrefixes": "plants/,animals/", "ImagesSuffixes": ".jpg"}
    machine.deploy(stack="own", DatabaseName="own", **own, **QUIET)
    # Then their keys, and no others, become dirty
    for key in ("plants/1.jpg", "animals/2.jpg", "plants/notes.txt", "elsewhere/3.jpg", "raw/4.jpg"):
        s3.put_object(Bucket="photos", Key=key, Body=b"an image")
    pending = until(lambda: _pending_keys(machine, 2), PATIENCE_SECONDS, "both keys are pending")
    assert pending == {"plants/1.jpg", "animals/2.jpg"}
    # And when the stack is gone, the bucket and its old notification are what they were
    machine.delete("own")
    assert s3.get_bucket_notification_configuration(Bucket="photos")["QueueConfigurations"] == [theirs]
    assert len(machine.aws.keys("photos")) == 5


def test_a_deleted_stack_keeps_its_data_and_says_so(machine: Machine) -> None:
    # Given data in both buckets and a table
    machine.aws.client("s3").put_object(Bucket=IMAGES, Key="plants/1.jpg", Body=b"an image")
    machine.aws.client("s3").put_object(Bucket=LAKE, Key="results/latest.json", Body=b"{}")
    machine.aws.client("glue").create_table(DatabaseName="pomona", TableInput={"Name": "features"})
    # When the stack is deleted
    machine.delete()
    # Then the stack is gone, the data is there, and the log says what stays and why
    with pytest.raises(ClientError, match="does not exist"):
        machine.aws.status(STACK)
    assert machine.aws.keys(IMAGES) == ["plants/1.jpg"]
    assert "results/latest.json" in machine.aws.keys(LAKE)
    logs = "".join(path.read_text() for path in (machine.aws.state / "logs" / "functions").glob("*Storage*"))
    for kept in (f"s3://{IMAGES} stays", f"s3://{LAKE} stays", "the database pomona stays"):
        assert kept in logs


def test_the_next_stack_of_the_name_adopts_what_the_last_one_kept(machine: Machine) -> None:
    machine.deploy(DeleteData="delete", **QUIET)
    assert machine.aws.keys(IMAGES) == ["plants/1.jpg"]
    assert "results/latest.json" in machine.aws.keys(LAKE)
    machine.aws.client("glue").get_table(DatabaseName="pomona", Name="features")
    # and it hears of changes again
    machine.aws.client("s3").put_object(Bucket=IMAGES, Key="plants/2.jpg", Body=b"an image")
    until(lambda: machine.aws.keys(LAKE, "queue/pending/"), PATIENCE_SECONDS, "the key is pending")


def test_a_stack_that_may_delete_its_data_leaves_nothing(machine: Machine) -> None:
    machine.delete()
    names = {bucket["Name"] for bucket in machine.aws.client("s3").list_buckets()["Buckets"]}
    assert not names & {IMAGES, LAKE}
    databases = machine.aws.client("glue").get_databases()["DatabaseList"]
    assert "pomona" not in {database["Name"] for database in databases}


def _events(machine: Machine) -> int:
    return len(list(machine.aws.events(STACK)))


def _their_notification(machine: Machine) -> dict:
    machine.aws.client("sqs").create_queue(QueueName="theirs")
    return {
        "Id": "thumbnails",
        "QueueArn": f"arn:aws:sqs:{REGION}:123456789012:theirs",
        "Events": ["s3:ObjectCreated:*"],
        "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": "raw/"}]}},
    }


def _pending_keys(machine: Machine, count: int) -> set[str]:
    lake = f"own-lake-123456789012-{REGION}"
    s3 = machine.aws.client("s3")
    bodies = [s3.get_object(Bucket=lake, Key=key)["Body"].read() for key in machine.aws.keys(lake, "queue/pending/")]
    keys = {json.loads(line)["key"] for body in bodies for line in body.splitlines()}
    return keys if len(keys) >= count else set()

"""Job runs and durability of the embedded AWS: real spark-submits, and a server that is killed."""

import json
import tarfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from benchmarks.template import template_settings
from pomona_intake.runs.parameters import featurize_parameters
from tests.local_server import REGION, ROLE, LocalServer, function, processes_of, until

ENDED = ("SUCCESS", "FAILED", "CANCELLED")
PRINT_ARGUMENTS = b"""
import os, sys
from pyspark.sql import SparkSession
spark = SparkSession.builder.getOrCreate()
print(sys.argv[1:], os.environ["COLOUR"], spark.conf.get("spark.app.taste"), open("job/greeting").read())
"""
SMALL = "--conf spark.driver.cores=1 --conf spark.driver.memory=2g --conf spark.dynamicAllocation.initialExecutors=0"
SHOW_ALLOCATION = b"""
from pyspark.sql import SparkSession
conf = SparkSession.builder.getOrCreate().conf
names = ("enabled", "initialExecutors", "minExecutors", "maxExecutors")
print(*(conf.get(f"spark.dynamicAllocation.{name}") for name in names))
"""
DIE_ONCE = b"""
import os
from pyspark import TaskContext
from pyspark.sql import SparkSession
def work(numbers):
    if TaskContext.get().attemptNumber() == 0:
        os.abort()
    return numbers
print(SparkSession.builder.getOrCreate().sparkContext.parallelize([1, 2], 1).mapPartitions(work).collect())
"""
SLEEP = b"import time; time.sleep(600)"
KEEPER = """
import json, os, boto3
def handler(event, context):
    key = f"states/{event['detail']['state']}"
    boto3.client("s3").put_object(Bucket=os.environ["OUT"], Key=key, Body=json.dumps(event))
"""


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("a state"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def lake(aws: LocalServer) -> dict[str, str]:
    """An application, a bucket, and a function that keeps every state change of a run in the bucket."""
    resources = {
        "Role": ROLE,
        "Lake": {"Type": "AWS::S3::Bucket"},
        "Queue": {"Type": "AWS::SQS::Queue"},
        "Application": {
            "Type": "AWS::EMRServerless::Application",
            "Properties": {
                "Name": "app",
                "ReleaseLabel": "emr-spark-8.1.0",
                "Type": "SPARK",
                "SchedulerConfiguration": {"MaxConcurrentRuns": 1, "QueueTimeoutMinutes": 60},
            },
        },
        "Keeper": function(
            aws.upload("keeper.zip", KEEPER), Environment={"Variables": {"OUT": {"Ref": "Lake"}}}, Timeout=30
        ),
        "Rule": {
            "Type": "AWS::Events::Rule",
            "Properties": {
                "EventPattern": {"source": ["aws.emr-serverless"]},
                "Targets": [{"Id": "one", "Arn": {"Fn::GetAtt": "Keeper.Arn"}}],
            },
        },
    }
    outputs = {name: {"Ref": name} for name in ("Lake", "Application", "Queue", "Keeper")}
    return aws.deploy("lake", resources, outputs | {"Role": {"Fn::GetAtt": "Role.Arn"}})


def start(
    aws: LocalServer, lake: dict[str, str], token: str, script: bytes, *arguments: str, parameters: str = SMALL
) -> str:
    aws.client("s3").put_object(Bucket=lake["Lake"], Key=f"jobs/{token}.py", Body=script)
    submit = {
        "entryPoint": f"s3://{lake['Lake']}/jobs/{token}.py",
        "entryPointArguments": list(arguments),
        "sparkSubmitParameters": parameters,
    }
    started = aws.client("emr-serverless").start_job_run(
        applicationId=lake["Application"],
        clientToken=token,
        executionRoleArn=lake["Role"],
        jobDriver={"sparkSubmit": submit},
    )
    return str(started["jobRunId"])


def run_of(aws: LocalServer, lake: dict[str, str], run_id: str) -> dict:
    return aws.client("emr-serverless").get_job_run(applicationId=lake["Application"], jobRunId=run_id)["jobRun"]


def ended(aws: LocalServer, lake: dict[str, str], run_id: str) -> dict:
    until(lambda: run_of(aws, lake, run_id)["state"] in ENDED, 180, "the run has ended")
    return run_of(aws, lake, run_id)


def test_a_task_whose_worker_dies_is_repeated_as_on_a_cluster(aws, lake):
    run_id = start(aws, lake, "die-once.1", DIE_ONCE)
    run = ended(aws, lake, run_id)
    logs = aws.state / "logs" / "runs" / run_id
    assert run["state"] == "SUCCESS", (logs / "stdout").read_text()
    assert "[1, 2]" in (logs / "stdout").read_text()


@pytest.fixture
def archive(aws: LocalServer, lake: dict[str, str], tmp_path) -> str:
    (tmp_path / "greeting").write_text("hello")
    with tarfile.open(tmp_path / "job.tar.gz", "w:gz") as packed:
        packed.add(tmp_path / "greeting", "greeting")
    aws.client("s3").upload_file(str(tmp_path / "job.tar.gz"), lake["Lake"], "jobs/job.tar.gz")
    return f"s3://{lake['Lake']}/jobs/job.tar.gz#job"


def test_a_run_is_a_spark_submit_with_its_parameters_archives_and_environment(aws, lake, archive):
    parameters = (
        f"--conf spark.archives={archive} --conf spark.emr-serverless.driverEnv.COLOUR=red "
        f"--conf spark.app.taste='sweet and sour' {SMALL}"
    )
    run_id = start(aws, lake, "print.1", PRINT_ARGUMENTS, "--a", "b c", parameters=parameters)
    run = ended(aws, lake, run_id)
    logs = aws.state / "logs" / "runs" / run_id
    assert run["state"] == "SUCCESS", (logs / "stderr").read_text()
    assert (logs / "stdout").read_text().strip() == "['--a', 'b c'] red sweet and sour hello"
    billed = run["billedResourceUtilization"]
    assert billed["vCPUHour"] > 0
    assert billed["memoryGBHour"] >= round((2 + 0.384) / 60, 3)  # a minute of the driver: its memory and the overhead
    assert not list((aws.state / "runs").iterdir())


def test_one_executor_is_enough_for_a_run_of_the_product(aws, lake, archive):
    # Given exactly what advance sends of a batch of so many keys that they need executors, where MaxExecutors is 1
    deployed = template_settings(LAKE_BUCKET=lake["Lake"], MAX_EXECUTORS="1", JOB_PREFIX="jobs")
    sent = featurize_parameters(deployed, "batch", 1, keys=30_000)["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"]
    aws.client("s3").copy_object(
        Bucket=lake["Lake"], Key="jobs/deps.tar.gz", CopySource=f"{lake['Lake']}/jobs/job.tar.gz"
    )
    # When Spark runs it
    run = ended(aws, lake, start(aws, lake, "one-executor.1", SHOW_ALLOCATION, parameters=sent))
    # Then it succeeds, with the bounds that it was given, and pays for a driver and one executor for a minute
    printed = (aws.state / "logs" / "runs" / run["jobRunId"] / "stdout").read_text()
    assert (run["state"], printed.strip().splitlines()[-1]) == ("SUCCESS", "true 1 1 1")
    assert run["billedResourceUtilization"]["vCPUHour"] >= 0.067


def test_every_state_of_a_run_is_an_event(aws, lake):
    run_id = start(aws, lake, "fail.1", b"raise SystemExit(3)")
    assert ended(aws, lake, run_id)["state"] == "FAILED"
    until(lambda: "states/FAILED" in aws.keys(lake["Lake"], "states/"), 10, "the event")
    event = aws.read(lake["Lake"], "states/FAILED")
    assert event["detail-type"] == "EMR Serverless Job Run State Change"
    assert event["detail"]["jobRunId"] == run_id
    assert event["detail"]["previousState"] == "RUNNING"
    states = {key.split("/")[1] for key in aws.keys(lake["Lake"], "states/")}
    assert states >= {"SUBMITTED", "PENDING", "SCHEDULED", "RUNNING", "FAILED"}
    # and the same token gives the same run, also when it has failed
    assert start(aws, lake, "fail.1", b"raise SystemExit(3)") == run_id
    # and it is found by when it was made and how it ended
    hour, emr = timedelta(hours=1), aws.client("emr-serverless")
    found = emr.list_job_runs(
        applicationId=lake["Application"], createdAtAfter=datetime.now(UTC) - hour, states=["FAILED"]
    )
    assert [one["id"] for one in found["jobRuns"]] == [run_id]
    later = emr.list_job_runs(applicationId=lake["Application"], createdAtAfter=datetime.now(UTC) + hour)
    assert later["jobRuns"] == []


def test_a_run_that_leaves_the_start_to_emr_serverless_fails_with_two_executors(aws, lake):
    parameters = f"{SMALL.split()[0]} spark.dynamicAllocation.maxExecutors=2"
    run = ended(aws, lake, start(aws, lake, "contradiction.1", SLEEP, parameters=parameters))
    assert run["state"] == "FAILED"
    assert "spark.dynamicAllocation.initialExecutors: 3 must be between" in run["stateDetails"]


def test_a_client_token_that_aws_refuses_is_refused(aws, lake):
    with pytest.raises(ClientError, match="clientToken"):
        start(aws, lake, "with space", SLEEP)


def test_a_cancelled_run_ends_and_lets_the_next_one_in_the_queue_run(aws, lake):
    first, second = start(aws, lake, "sleep.1", SLEEP), start(aws, lake, "sleep.2", SLEEP)
    until(lambda: run_of(aws, lake, first)["state"] == "RUNNING", 60, "the first runs")
    assert run_of(aws, lake, second)["state"] == "QUEUED"
    emr = aws.client("emr-serverless")
    emr.cancel_job_run(applicationId=lake["Application"], jobRunId=first)
    assert ended(aws, lake, first)["state"] == "CANCELLED"
    until(lambda: run_of(aws, lake, second)["state"] == "RUNNING", 60, "the second runs")
    emr.cancel_job_run(applicationId=lake["Application"], jobRunId=second)
    assert ended(aws, lake, second)["state"] == "CANCELLED"


def test_a_killed_server_loses_nothing_and_leaves_no_process(aws, lake):
    # Given an object, a message, a table at its second version, a warm function and a run on its way
    s3, glue = aws.client("s3"), aws.client("glue")
    s3.put_object(Bucket=lake["Lake"], Key="kept/é", Body=b"body", ContentType="image/jpeg", Metadata={"a": "b"})
    etag = s3.head_object(Bucket=lake["Lake"], Key="kept/é")["ETag"]
    s3.put_object(Bucket=lake["Lake"], Key="deleted", Body=b"")
    s3.delete_object(Bucket=lake["Lake"], Key="deleted")
    aws.client("sqs").send_message(QueueUrl=lake["Queue"], MessageBody="undelivered")
    glue.create_database(DatabaseInput={"Name": "lake"})
    glue.create_table(DatabaseName="lake", TableInput={"Name": "t"})
    glue.update_table(DatabaseName="lake", TableInput={"Name": "t", "Parameters": {"metadata_location": "2"}})
    run_id = start(aws, lake, "interrupted.1", SLEEP)
    until(lambda: len(processes_of("interrupted.1.py")) >= 2, 60, "spark-submit runs")
    # When the server is killed, its children are gone
    aws.kill()
    until(lambda: not processes_of(str(aws.state)), 20, "no process is left")
    # Then a new one on the same folder has all of it
    aws.start()
    head = aws.client("s3").head_object(Bucket=lake["Lake"], Key="kept/é")
    assert (head["ETag"], head["ContentType"], head["Metadata"]) == (etag, "image/jpeg", {"a": "b"})
    assert aws.keys(lake["Lake"], "deleted") == []
    messages = aws.client("sqs").receive_message(QueueUrl=lake["Queue"])["Messages"]
    assert [message["Body"] for message in messages] == ["undelivered"]
    table = aws.client("glue").get_table(DatabaseName="lake", Name="t")["Table"]
    assert (table["Parameters"], table["VersionId"]) == ({"metadata_location": "2"}, "2")
    assert aws.outputs("lake") == lake
    assert run_of(aws, lake, run_id)["state"] == "FAILED"
    assert start(aws, lake, "interrupted.1", SLEEP) == run_id
    detail = {"detail": {"state": "after restart"}}
    answer = aws.client("lambda").invoke(FunctionName=lake["Keeper"], Payload=json.dumps(detail))
    assert "FunctionError" not in answer
    assert "states/after restart" in aws.keys(lake["Lake"], "states/")
    assert REGION in lake["Queue"]


def test_down_leaves_no_process_and_no_endpoint(tmp_path):
    server = LocalServer(tmp_path / "state")
    name = server.deploy(
        "small", {"Role": ROLE, "F": function(server.upload("f.zip", "def handler(e, c): pass"))}, {"F": {"Ref": "F"}}
    )["F"]
    server.client("lambda").invoke(FunctionName=name)
    assert len(processes_of(str(tmp_path))) >= 2
    server.stop()
    until(lambda: not processes_of(str(tmp_path)), 10, "no process is left")
    assert not (tmp_path / "state" / "endpoint").exists()

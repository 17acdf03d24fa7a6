"""Documents that tests of the command line put into a lake, keys that are hostile, and users with few permissions."""

import json

from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.segment_lines import DirtyKey
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.s3.lake import Lake
from tests.cli_stack import CliStack
from tests.local_server import LocalServer

BATCH = "20261120T120000000Z-0badcafe"
# what `status` needs
VIEW = ("cloudformation:DescribeStacks", "s3:GetObject", "s3:ListBucket", "emr-serverless:ListJobRuns")
HOSTILE = ["=1+1.jpg", "a//b.jpg", "../x.jpg", "'; drop table.jpg", "<script>.jpg", "\x1b[31mred.jpg", "é 2.jpg"]


def fail(stack: CliStack, batch: str, *keys: str) -> None:
    lake = Lake(stack.s3, stack.lake)
    writer = SegmentWriter(lake, lambda step: None)
    dirty = [DirtyKey(stack.images, key, "2026-11-20T12:00:00.000Z") for key in keys]
    segments = tuple(ClaimedSegment(name, len(keys)) for name in writer.write(dirty, f"r-{batch}"))
    claim = Claim(batch, 3, "2026-11-20T12:00:00.000Z", segments, "app", {"name": "x"}, "run", failures=3)
    FailedBatches(lake, writer).set_aside(claim, "Job failed: \x1b[31mno memory")


def waiting_claim(batch: str = BATCH) -> Claim:
    """A batch whose second attempt waits for a long time."""
    first = Claim(batch, 1, "2026-11-20T12:00:00.000Z", (), "app", {"name": "x"}, "run")
    return first.attempted_again(
        "app", {"name": "x"}, 1, "2999-01-01T00:00:00.000Z", "Glue says \x1b[31mno", careful=True
    )


def write(stack: CliStack, key: str, document: dict) -> None:
    stack.s3.put_object(Bucket=stack.lake, Key=key, Body=json.dumps({"format": 1, **document}).encode())


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def user(aws: LocalServer, name: str, *actions: str) -> dict[str, str]:
    """The credentials of a user who may do only this."""
    iam = aws.client("iam")
    iam.create_user(UserName=name)
    policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": list(actions), "Resource": "*"}]}
    iam.put_user_policy(UserName=name, PolicyName="some", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return {"AWS_ACCESS_KEY_ID": key["AccessKeyId"], "AWS_SECRET_ACCESS_KEY": key["SecretAccessKey"]}

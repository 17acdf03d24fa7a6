"""Permissions: a missing one is named, and those in docs/operations.md are enough."""

import pytest

from pomona_contract.lake_layout import CLAIM
from tests.cli_documents import BATCH, VIEW, fail, lines, user, waiting_claim
from tests.cli_stack import CliStack
from tests.identify_results import put_backbone, put_results


@pytest.mark.parametrize(
    ("name", "actions", "words", "missing"),
    [
        ("nobody", ("s3:ListAllMyBuckets",), ("status",), "cloudformation:DescribeStacks"),
        ("looker", ("cloudformation:DescribeStacks",), ("status",), "s3:GetObject"),
        ("lister", ("cloudformation:DescribeStacks",), ("retry", "--all"), "s3:ListBucket"),
        ("reader", VIEW, ("errors",), "glue:GetTable"),
        ("filler", (*VIEW, "glue:GetTable"), ("backfill",), "lambda:GetFunctionConfiguration"),
    ],
)
def test_a_missing_permission_is_named(common, name, actions, words, missing):
    told = common.pomona(*words, **user(common.aws, name, *actions))
    assert told.exit_code == 1
    assert f"may not {missing}" in told.stderr


def test_what_looks_needs_no_more_than_it_says(common):
    told = common.pomona("status", "--json", **user(common.aws, "watcher", *VIEW))
    assert (told.exit_code, told.stderr) == (0, "")
    (document,) = lines(told.stdout)
    assert document["events"] is None  # without sqs:GetQueueAttributes
    assert document["dead_letters"] is None
    assert document["alarms"] is None  # without cloudwatch:DescribeAlarms
    assert (document["images"], document["needs_refit"]) == (None, None)  # without glue:GetTable
    assert document["next_refit"] is None  # without scheduler:GetSchedule


LAKE = ("cloudformation:DescribeStacks", "s3:ListBucket", "s3:GetObject")
MARK = (*LAKE, "s3:PutObject", "lambda:GetFunctionConfiguration", "lambda:InvokeFunction")
BOOK = {
    "status": (
        *LAKE,
        "emr-serverless:ListJobRuns",
        "emr-serverless:GetJobRun",
        "sqs:GetQueueAttributes",
        "cloudwatch:DescribeAlarms",
        "glue:GetTable",
        "scheduler:GetSchedule",
    ),
    "runs": (*LAKE, "emr-serverless:ListJobRuns", "emr-serverless:GetJobRun"),
    "errors": (*LAKE, "glue:GetTable"),
    "identify samples/images/kiwi/kiwi-11.jpg": (*LAKE, "lambda:GetFunctionConfiguration"),
    "similar kiwi/kiwi-03.jpg": LAKE,
    "similar samples/images/kiwi/kiwi-11.jpg": (*LAKE, "lambda:GetFunctionConfiguration"),
    "duplicates": (*LAKE, "glue:GetTable"),
    "backfill": (*MARK, "glue:GetTable"),
    "retry --all": (*MARK, "s3:DeleteObject"),
    "retry --errors": (*LAKE, "s3:PutObject", "lambda:InvokeFunction", "glue:GetTable"),
    "discard --all --yes": (*LAKE, "s3:DeleteObject"),
    "resume": (*MARK, "s3:DeleteObject"),
    "repair --yes": (*LAKE, "s3:PutObject", "s3:DeleteObject", "lambda:InvokeFunction"),
    "erase a/ --yes": (*MARK, "glue:GetTable", "s3:ListBucketVersions", "s3:DeleteObjectVersion"),
}


@pytest.mark.parametrize("words", BOOK)
def test_the_permissions_in_the_book_are_enough(aws, words, tmp_path):
    name = words.partition(".")[0].replace("/", "").replace("--", "").replace(" ", "-")
    stack = CliStack(aws, f"cli-book-{name}")
    stack.put("a/1")
    stack.append(stack.row("a/1", error="e", features=None))
    fail(stack, BATCH, "a/1")
    stack.s3.put_object(Bucket=stack.lake, Key=CLAIM, Body=b"?" if "repair" in words else waiting_claim().to_json())
    put_results(stack.s3, stack.lake)
    put_backbone(stack.s3, stack.lake)
    told = stack.pomona(*words.split(), **user(aws, f"book-{name}", *BOOK[words]), XDG_CACHE_HOME=str(tmp_path))
    assert told.exit_code == 0, told.stderr

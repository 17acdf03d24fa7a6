"""The template's parameters and the functions' settings: what one lets through, the other can work with."""

from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from embedded_aws.cloudformation.errors import TemplateError
from embedded_aws.cloudformation.templates import parameter_values, parse_template
from pomona.table.maintenance import ORPHANED_AFTER
from pomona_intake.errors import SettingsError
from pomona_intake.schedules.refits import REFIT_LOOKBACK
from pomona_intake.settings import Settings
from tests.unit.test_intake_settings import REQUIRED

TEMPLATE = parse_template((Path(__file__).resolve().parents[2] / "template.yaml").read_text())
VARIABLES = {
    "LaunchAtKeys": "LAUNCH_AT_KEYS",
    "LaunchAfterMinutes": "LAUNCH_AFTER_MINUTES",
    "RetryAfterMinutes": "RETRY_AFTER_MINUTES",
    "MaxKeysPerRun": "MAX_KEYS_PER_RUN",
    "MaxAttempts": "MAX_ATTEMPTS",
    "RunTimeoutMinutes": "RUN_TIMEOUT_MINUTES",
    "RefitTimeoutMinutes": "REFIT_TIMEOUT_MINUTES",
    "MaxImageBytes": "MAX_IMAGE_BYTES",
    "MaxImagePixels": "MAX_IMAGE_PIXELS",
    "MaxDecodedBytes": "MAX_DECODED_BYTES",
    "MaxJpegScans": "MAX_JPEG_SCANS",
    "MaxExecutors": "MAX_EXECUTORS",
    "MaxVcpus": "MAX_VCPUS",
    "SnapshotDays": "SNAPSHOT_DAYS",
    "DatabaseName": "DATABASE_NAME",
}
NUMBERS = sorted(set(VARIABLES) - {"DatabaseName"})
TEXTS = st.text(alphabet="0123456789.-+eE_ n", max_size=6)


def template_takes(parameter: str, value: str) -> bool:
    try:
        parameter_values(TEMPLATE, {parameter: value})
    except TemplateError:
        return False
    return True


def functions_take(parameter: str, value: str) -> bool:
    try:
        Settings.from_environment(REQUIRED | {VARIABLES[parameter]: value})
    except SettingsError:
        return False
    return True


@pytest.mark.parametrize("parameter", NUMBERS)
@given(TEXTS)
@example("1.5")
@example("1e3")
@example("٣")
def test_a_number_that_the_template_takes_is_one_that_the_functions_take(parameter: str, value: str) -> None:
    assert not template_takes(parameter, value) or functions_take(parameter, value)


@pytest.mark.parametrize(
    ("parameter", "good", "bad"),
    [
        (
            "RefitSchedule",
            ["rate(1 day)", "rate(12 hours)", "cron(0 3 * * ? *)"],
            ["daily", "rate(1 days)", "cron(3)"],
        ),
        ("ClockSchedule", ["rate(1 minute)", "rate(5 minutes)"], ["cron(0 3 * * ? *)", "rate(0 minutes)"]),
        ("BatchWindowSeconds", ["1", "99", "100", "299", "300"], ["0", "301", "1.5"]),
        ("RunTimeoutMinutes", ["5", "10", "99", "700", "719", "720"], ["4", "721", "1000", "05"]),
        ("RefitTimeoutMinutes", ["5", "99", "100", "999", "1000", "1399", "1440"], ["4", "1441", "1500", "05", "1.5"]),
        ("MaxVcpus", ["8", "10", "999", "1000"], ["7", "1001", "1e2"]),
        ("MaxExecutors", ["1", "100"], ["0", "101"]),
        (
            "ReleaseLabel",
            ["emr-spark-8.1.0", "emr-spark-8.0.0", "emr-spark-10.12.3"],
            ["", "emr-7.13.0", "emr-spark-8.1", "emr-spark-8.0-preview", "emr-spark-8.1.0-20260908", "emr-spark-0.1.0"],
        ),
        ("ImagesBucketName", ["", "photos", "my.photos-1"], ["Photos", "a", "x" * 64, "-a-"]),
        (
            "IgnoredNames",
            ["", "._*,Thumbs.db", "*_$folder$", "[!a]?.tmp", "@eaDir/", "a/, b/ ,c"],
            ["a/b", "/a", "a/b/", "Icon\r", "x" * 1025],
        ),
        (
            "EventSourceArn",
            [
                "",
                "arn:aws:sns:eu-west-3:123456789012:photos_1-changed",
                "arn:aws:events:eu-west-3:123456789012:rule/photos",
                "arn:aws-cn:events:cn-north-1:123456789012:rule/a.bus/photos",
            ],
            [
                "photos",
                "arn:aws:sqs:eu-west-3:123456789012:q",
                "arn:aws:sns:eu-west-3:123456789012:*",
                "arn:aws:s3:::p",
            ],
        ),
        ("DeleteData", ["keep", "delete"], ["", "yes"]),
        ("IdentifyAccess", ["none", "iam", "public"], ["", "NONE", "AWS_IAM"]),
        ("IdentifyConcurrency", ["0", "1", "5", "999"], ["", "-1", "05", "1000", "1.5"]),
        ("BackboneName", ["fruitnet", "resnet50"], ["resnet"]),
        ("LogRetentionDays", ["1", "365"], ["2", "1.5"]),
    ],
)
def test_a_parameter_may_be_this_and_not_that(parameter: str, good: list[str], bad: list[str]) -> None:
    assert [value for value in good if not template_takes(parameter, value)] == []
    assert [value for value in bad if template_takes(parameter, value)] == []


@pytest.mark.parametrize("parameter", sorted(TEMPLATE["Parameters"]))
def test_every_parameter_says_what_it_is_and_what_it_may_be(parameter: str) -> None:
    slot = TEMPLATE["Parameters"][parameter]
    assert slot["Description"]
    assert "AllowedPattern" not in slot or slot["ConstraintDescription"]
    with pytest.raises(TemplateError, match=parameter):  # no parameter takes everything
        parameter_values(TEMPLATE, {parameter: "\n" * 5000})


def test_refits_are_looked_for_as_long_as_one_may_be_unfinished() -> None:
    # Given the longest refit, after the longest wait in the queue, of a schedule whose event Lambda kept for a day
    wait = TEMPLATE["Resources"]["Application"]["Properties"]["SchedulerConfiguration"]["QueueTimeoutMinutes"]
    assert template_takes("RefitTimeoutMinutes", "1440")
    assert not template_takes("RefitTimeoutMinutes", "1441")
    assert timedelta(minutes=1440 + wait) + timedelta(days=1) < REFIT_LOOKBACK


def test_a_file_is_an_orphan_only_when_whoever_wrote_it_has_been_ended() -> None:
    # A refit may take longer (RefitTimeoutMinutes): it writes no file of the table.
    longest = int(ORPHANED_AFTER / timedelta(minutes=1)) // 2
    assert template_takes("RunTimeoutMinutes", str(longest))
    assert not template_takes("RunTimeoutMinutes", str(longest + 1))

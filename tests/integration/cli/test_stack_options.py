"""Finding the stack: its name, its Region, and what answers there."""

from tests.local_server import REGION


def test_a_stack_that_is_not_there_is_told_with_region_and_endpoint(common):
    told = common.pomona("status", "--stack", "none")
    assert told.exit_code == 1
    assert f"There is no stack none in region {REGION} at {common.aws.endpoint}" in told.stderr


def test_another_region_has_another_stack(common):
    told = common.pomona("status", "--region", "us-east-1")
    assert (told.exit_code, "in region us-east-1" in told.stderr) == (1, True)


def test_without_a_region_there_is_nothing_to_ask(common):
    told = common.pomona("status", AWS_REGION="", AWS_CONFIG_FILE="none", HOME="none")
    assert (told.exit_code, "pass --region" in told.stderr) == (2, True)


def test_a_stack_of_something_else_is_refused(aws, common):
    aws.deploy("other", {"Queue": {"Type": "AWS::SQS::Queue"}}, {"Queue": {"Ref": "Queue"}})
    told = common.pomona("status", "--stack", "other")
    assert (told.exit_code, "it is no stack of Pomona" in told.stderr) == (1, True)


def test_the_options_may_come_before_the_command(common):
    assert common.pomona("--stack", common.name, "status", POMONA_STACK="none").exit_code == 0
    told = common.pomona("--stack", "none", "status")
    assert (told.exit_code, "There is no stack none" in told.stderr) == (1, True)

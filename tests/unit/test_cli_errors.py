"""What an operator is told when AWS refuses."""

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, NoCredentialsError, SSOTokenLoadError

from pomona_cli.errors import CliError
from pomona_cli.stack.aws_errors import explain
from pomona_cli.stack.location import StackLocation
from pomona_intake.errors import TransientError

PLACE = StackLocation("pomona", "eu-west-3", None)


def refused(code: str, message: str, operation: str = "ListObjectsV2") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, operation)


def test_a_missing_permission_is_named_as_aws_names_it():
    message = (
        "User: arn:aws:iam::1:user/eve is not authorized to perform: kms:Decrypt on resource: arn:aws:kms:x because"
    )
    sentence = explain(refused("AccessDenied", message, "GetObject"), PLACE)
    assert "may not kms:Decrypt on arn:aws:kms:x (region eu-west-3)" in sentence


@pytest.mark.parametrize(
    ("operation", "action"),
    [
        ("ListObjectsV2", "s3:ListBucket"),
        ("Invoke", "lambda:InvokeFunction"),
        ("DeleteObjects", "s3:DeleteObjectVersion"),
    ],
)
def test_a_missing_permission_is_named_when_aws_does_not(operation, action):
    assert action in explain(refused("AccessDenied", "Access Denied", operation), PLACE)


def test_arrow_s_refusal_names_the_permission_too():
    error = OSError("When reading: AWS Error ACCESS_DENIED during HeadObject operation: No response body.")
    assert "may not s3:GetObject on the lake bucket" in explain(error, PLACE)


@pytest.mark.parametrize(
    "error",
    [
        NoCredentialsError(),
        SSOTokenLoadError(error_msg="expired"),
        refused("ExpiredToken", "The security token included in the request is expired"),
        refused("InvalidClientTokenId", "The security token included in the request is invalid."),
    ],
)
def test_who_is_not_signed_in_is_told_how(error):
    assert "aws sso login" in explain(error, PLACE)


def test_nobody_there_names_region_and_endpoint():
    place = StackLocation("pomona", "eu-wst-3", "http://127.0.0.1:9")
    sentence = explain(EndpointConnectionError(endpoint_url="http://127.0.0.1:9"), place)
    assert "eu-wst-3 at http://127.0.0.1:9" in sentence


def test_what_passes_by_itself_is_said_to():
    assert "run the command again" in explain(TransientError("listing queue/: SlowDown"), PLACE)
    assert "run the command again" in explain(refused("SlowDown", "Please reduce your request rate."), PLACE)


def test_a_sentence_of_ours_stays_as_it_is():
    assert explain(CliError("No such thing."), PLACE) == "No such thing."


def test_an_error_of_the_program_is_not_explained_away():
    assert explain(KeyError("x"), PLACE) is None
    assert explain(OSError("disk"), PLACE) is None

"""Function URLs of the embedded AWS: who may ask, which event the function gets, and what becomes of its result."""

import base64
import json
import socket
from pathlib import Path
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.local_server import ROLE, LocalServer, function
from tests.served_aws import REGION

ECHO = """
import base64, json
def handler(event, context):
    if event.get("direct"):
        return "direct"
    asked = event.get("queryStringParameters", {}).get("give")
    if asked == "raise":
        raise ValueError("told to")
    if asked == "picture":
        body = base64.b64encode(bytes(range(256))).decode()
        return {"statusCode": 201, "headers": {"content-type": "image/x"}, "body": body, "isBase64Encoded": True,
                "cookies": ["a=1; Secure", "b=2"]}
    if asked == "plain":
        return {"found": 3}
    if asked == "large":
        return {"statusCode": 200, "body": "x" * 7_000_000}
    return {"statusCode": 200, "headers": {"content-type": "application/json"}, "body": json.dumps(event)}
"""
MB = 1024 * 1024
TARGET = {"Fn::GetAtt": "Echo.Arn"}
ANYBODY = {"FunctionName": {"Ref": "Echo"}, "Principal": "*"}
INVOKE_URL = {
    "Type": "AWS::Lambda::Permission",
    "Properties": {**ANYBODY, "Action": "lambda:InvokeFunctionUrl", "FunctionUrlAuthType": "NONE"},
}
INVOKE = {
    "Type": "AWS::Lambda::Permission",
    "Properties": {**ANYBODY, "Action": "lambda:InvokeFunction", "InvokedViaFunctionUrl": True},
}


def url(auth_type: str) -> dict[str, Any]:
    return {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": TARGET, "AuthType": auth_type}}


@pytest.fixture(scope="module")
def aws(shared_server: LocalServer) -> LocalServer:
    return shared_server


@pytest.fixture(scope="module")
def code(aws: LocalServer) -> dict[str, str]:
    return aws.upload("echo.zip", ECHO)


def deploy(aws: LocalServer, stack: str, code: dict[str, str], **resources: Any) -> dict[str, str]:
    outputs = {"Echo": {"Ref": "Echo"}} | (
        {"Url": {"Fn::GetAtt": "Url.FunctionUrl"}, "Ref": {"Ref": "Url"}} if "Url" in resources else {}
    )
    return aws.deploy(stack, {"Role": ROLE, "Echo": function(code)} | resources, outputs)


@pytest.fixture(scope="module")
def public(aws: LocalServer, code: dict[str, str]) -> str:
    return deploy(aws, "public-url", code, Url=url("NONE"), InvokeUrl=INVOKE_URL, Invoke=INVOKE)["Url"]


def ask(address: str, **options: Any) -> tuple[int, Any, bytes]:
    """Status, headers and body of an answer, whatever the status."""
    try:
        with urlopen(Request(address, **options)) as answer:
            return answer.status, answer.headers, answer.read()
    except HTTPError as error:
        return error.code, error.headers, error.read()


def signed(address: str, keys: tuple[str, str, str | None], body: bytes = b"") -> dict[str, str]:
    request = AWSRequest("POST", address, data=body)
    SigV4Auth(Credentials(*keys), "lambda", REGION).add_auth(request)
    return dict(request.headers)


def test_the_function_gets_lambdas_event_of_a_request(public):
    # When a page is asked for with a query, a header twice and cookies
    headers = {"X-Mine": "one", "Cookie": "a=1; b=2", "Accept": "text/html"}
    status, _, body = ask(f"{public}some/path?n=1&n=2&empty=", headers=headers)
    event = json.loads(body)
    # Then the event is that of payload format 2.0
    assert status == 200
    assert (event["version"], event["routeKey"], event["rawPath"]) == ("2.0", "$default", "/some/path")
    assert event["rawQueryString"] == "n=1&n=2&empty="
    assert event["queryStringParameters"] == {"n": "1,2", "empty": ""}
    assert event["cookies"] == ["a=1", "b=2"]
    assert event["headers"]["x-mine"] == "one"
    context = event["requestContext"]
    assert (context["accountId"], context["http"]["method"]) == ("anonymous", "GET")
    assert context["http"]["sourceIp"] == "127.0.0.1"
    assert "authorizer" not in context
    assert "body" not in event
    assert event["isBase64Encoded"] is False


@pytest.mark.parametrize(
    ("content_type", "is_text"),
    [
        ("application/json; charset=utf-8", True),
        ("text/plain", True),
        ("image/jpeg", False),
        ("application/octet-stream", False),
        ("application/x-www-form-urlencoded", False),
    ],
)
def test_a_body_is_text_or_base64_by_its_content_type(public, content_type, is_text):
    sent = b'{"a": 1}' if is_text else bytes(range(256))
    _, _, body = ask(public, data=sent, headers={"Content-Type": content_type})
    event = json.loads(body)
    assert event["isBase64Encoded"] is not is_text
    assert (event["body"].encode() if is_text else base64.b64decode(event["body"])) == sent


def test_a_result_becomes_status_headers_cookies_and_bytes(public):
    status, headers, body = ask(f"{public}?give=picture")
    assert (status, headers["content-type"], body) == (201, "image/x", bytes(range(256)))
    assert headers.get_all("set-cookie") == ["a=1; Secure", "b=2"]


def test_a_result_without_a_status_is_json_with_200(public):
    status, headers, body = ask(f"{public}?give=plain")
    assert (status, headers["content-type"], json.loads(body)) == (200, "application/json", {"found": 3})


@pytest.mark.parametrize("asked", ["raise", "large"])
def test_a_function_that_fails_or_answers_too_much_is_502(public, asked):
    status, _, body = ask(f"{public}?give={asked}")
    assert (status, json.loads(body)) == (502, {"message": "Internal Server Error"})


@pytest.mark.parametrize(("size", "status"), [(4 * MB, 200), (5 * MB, 413), (20 * MB, 413)])
def test_an_event_of_more_than_six_megabytes_is_413(public, size, status):
    # a binary body grows by a third in the event
    address = f"{public}?give=plain"
    assert ask(address, data=bytes(size), headers={"Content-Type": "image/jpeg"})[0] == status


def test_a_public_url_without_both_permissions_is_403(aws, code):
    # Given a URL whose policy has one of the two permissions that AWS asks for since October 2025
    for name, permission in (("InvokeUrl", INVOKE_URL), ("Invoke", INVOKE)):
        address = deploy(aws, f"half-{name}".lower(), code, Url=url("NONE"), **{name: permission})["Url"]
        assert ask(address)[0] == 403
    # And its policy reads as on AWS
    functions = aws.client("lambda")
    name = deploy(aws, "half-invoke", code, Url=url("NONE"), Invoke=INVOKE)["Echo"]
    (statement,) = json.loads(functions.get_policy(FunctionName=name)["Policy"])["Statement"]
    assert statement["Condition"] == {"Bool": {"lambda:InvokedViaFunctionUrl": "true"}}


def test_a_url_of_iam_wants_a_signature_and_both_permissions(aws, code):
    # Given a URL with AWS_IAM, and users who may do both, one or none of what it asks for
    made = deploy(aws, "iam-url", code, Url=url("AWS_IAM"))
    address, iam = made["Url"], aws.client("iam")
    may = {"both": ["lambda:InvokeFunctionUrl", "lambda:InvokeFunction"], "one": ["lambda:InvokeFunctionUrl"], "no": []}
    seen = {}
    for name, actions in may.items():
        iam.create_user(UserName=name)
        statement = {"Effect": "Allow", "Action": actions or "s3:GetObject", "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        iam.put_user_policy(UserName=name, PolicyName="p", PolicyDocument=document)
        key = iam.create_access_key(UserName=name)["AccessKey"]
        keys = (key["AccessKeyId"], key["SecretAccessKey"], None)
        seen[name] = ask(address, data=b"", headers=signed(address, keys))
    # Then the first is let in, and the function learns who it is; the others are not
    assert {name: answer[0] for name, answer in seen.items()} == {"both": 200, "one": 403, "no": 403}
    event = json.loads(seen["both"][2])
    assert event["requestContext"]["authorizer"]["iam"]["userArn"].endswith(":user/both")
    # And without a signature nobody is
    status, _, body = ask(address)
    assert (status, json.loads(body)) == (403, {"Message": "Forbidden"})
    # And the administrator is
    assert ask(address, data=b"", headers=signed(address, ("local", "local", None)))[0] == 200


def test_a_url_is_changed_and_deleted_with_its_stack(aws, code):
    # Given a public URL
    made = deploy(aws, "changed-url", code, Url=url("NONE"), InvokeUrl=INVOKE_URL, Invoke=INVOKE)
    assert made["Ref"].endswith(f":function:{made['Echo']}")
    assert ask(made["Url"])[0] == 200
    # When it is to be of IAM, then it is, at the same address: AuthType is not createOnly
    changed = deploy(aws, "changed-url", code, Url=url("AWS_IAM"), InvokeUrl=INVOKE_URL, Invoke=INVOKE)
    assert changed["Url"] == made["Url"]
    assert ask(made["Url"])[0] == 403
    # When it leaves the template, then nothing answers there
    deploy(aws, "changed-url", code)
    port = int(made["Url"].rstrip("/").rpartition(":")[2])
    with socket.socket() as free:
        free.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        free.bind(("127.0.0.1", port))


def test_the_url_of_another_function_is_another(aws, code):
    # Given a URL, whose TargetFunctionArn is createOnly
    resources = {"Role": ROLE, "Echo": function(code), "Other": function(code)}
    outputs = {"Url": {"Fn::GetAtt": "Url.FunctionUrl"}}
    before = aws.deploy("moved-url", resources | {"Url": url("AWS_IAM")}, outputs)["Url"]
    # When it is to be that of another function
    moved = {"Type": "AWS::Lambda::Url", "Properties": {"TargetFunctionArn": {"Fn::GetAtt": "Other.Arn"}}}
    moved["Properties"]["AuthType"] = "AWS_IAM"
    after = aws.deploy("moved-url", resources | {"Url": moved}, outputs)["Url"]
    # Then it has another address, and nothing answers at the old one
    assert after != before
    assert ask(after)[0] == 403
    with pytest.raises(URLError):
        ask(before)


def test_a_request_beyond_the_reserved_concurrency_is_429_and_counted(aws, code):
    # Given a public URL of a function with no concurrency left
    reserved = function(code, ReservedConcurrentExecutions=0)
    made = aws.deploy(
        "reserved-url",
        {"Role": ROLE, "Echo": reserved, "Url": url("NONE"), "InvokeUrl": INVOKE_URL, "Invoke": INVOKE},
        {"Url": {"Fn::GetAtt": "Url.FunctionUrl"}, "Echo": {"Ref": "Echo"}},
    )
    # Then the URL answers 429, and so does an invocation
    assert ask(made["Url"])[0] == 429
    functions = aws.client("lambda")
    with pytest.raises(functions.exceptions.TooManyRequestsException):
        functions.invoke(FunctionName=made["Echo"], Payload=b'{"direct": 1}')
    # When some is reserved, then both answer
    functions.put_function_concurrency(FunctionName=made["Echo"], ReservedConcurrentExecutions=2)
    assert ask(made["Url"])[0] == 200
    assert functions.invoke(FunctionName=made["Echo"], Payload=b'{"direct": 1}')["StatusCode"] == 200


def test_a_url_keeps_its_address_when_the_server_starts_again(tmp_path: Path):
    # Given a server with a public URL
    server = LocalServer(tmp_path / "state")
    try:
        made = deploy(
            server, "kept", server.upload("echo.zip", ECHO), Url=url("NONE"), InvokeUrl=INVOKE_URL, Invoke=INVOKE
        )
        # When it is killed and started again
        server.kill()
        server.start()
        # Then the URL is where it was
        assert server.outputs("kept")["Url"] == made["Url"]
        assert ask(made["Url"])[0] == 200
    finally:
        server.stop()


def test_a_new_account_can_reserve_no_concurrency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    # Given an account with ten concurrent executions, as new ones have
    monkeypatch.setenv("MOTO_LAMBDA_CONCURRENCY_QUOTA", "10")
    server = LocalServer(tmp_path / "state")
    try:
        code = server.upload("echo.zip", ECHO)
        # When a function is to reserve some, then AWS's own words say why not
        server.deploy("reserving", {"Role": ROLE, "Echo": function(code, ReservedConcurrentExecutions=5)})
        assert server.status("reserving") == "ROLLBACK_COMPLETE"
        assert "below its minimum value" in server.reasons("reserving")
        # And one that reserves none is deployed
        server.deploy("free", {"Role": ROLE, "Echo": function(code)})
        assert server.status("free") == "CREATE_COMPLETE"
    finally:
        server.stop()

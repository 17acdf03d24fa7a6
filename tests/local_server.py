"""An embedded AWS in a process of its own, for the tests of it, and small stacks to put into it."""

import io
import json
import os
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from tests.served_aws import REGION, ServedAws

ROOT = Path(__file__).resolve().parents[1]
CODE_BUCKET = "code-of-tests"
ROLE = {
    "Type": "AWS::IAM::Role",
    "Properties": {
        "AssumeRolePolicyDocument": {
            "Version": "2012-10-17",
            "Statement": [
                {
                    "Effect": "Allow",
                    "Principal": {"Service": ["lambda.amazonaws.com", "emr-serverless.amazonaws.com"]},
                    "Action": "sts:AssumeRole",
                }
            ],
        },
        "Policies": [
            {
                "PolicyName": "all",
                "PolicyDocument": {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]},
            }
        ],
    },
}


class LocalServer(ServedAws):
    """`python -m embedded_aws serve` on one state folder."""

    module = "embedded_aws"

    def __init__(self, state: Path) -> None:
        self.state = state
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-m", self.module, "serve", "--state", str(self.state)]
        self.process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
        until(lambda: self._ready(), 60, "the server is ready")
        super().__init__((self.state / "endpoint").read_text())

    def _ready(self) -> bool:
        assert self.process.poll() is None, "the server ended"
        return (self.state / "endpoint").exists()

    def kill(self) -> None:
        """End it as a power failure of the process would: nothing can be put in order."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        (self.state / "endpoint").unlink()

    def stop(self) -> None:
        subprocess.run([sys.executable, "-m", "embedded_aws", "down", "--state", str(self.state)], cwd=ROOT, check=True)
        self.process.wait()

    def upload(self, name: str, source: str, others: Mapping[str, str] | None = None) -> dict[str, str]:
        """A function's code and other files, in the bucket it is deployed from: what Code of a function wants."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for file, text in {"app.py": source, **(others or {})}.items():
                archive.writestr(file, text)
        s3 = self.client("s3")
        if CODE_BUCKET not in [bucket["Name"] for bucket in s3.list_buckets()["Buckets"]]:
            s3.create_bucket(Bucket=CODE_BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        s3.put_object(Bucket=CODE_BUCKET, Key=name, Body=packed.getvalue())
        return {"S3Bucket": CODE_BUCKET, "S3Key": name}

    def deploy(
        self, stack: str, resources: Mapping[str, Any], outputs: Mapping[str, Any] | None = None
    ) -> dict[str, str]:
        """Deploy, wait, and give the outputs; AssertionError with the events if it fails."""

        cloudformation = self.client("cloudformation")
        body = json.dumps({"Resources": resources, "Outputs": {k: {"Value": v} for k, v in (outputs or {}).items()}})
        existing = [one["StackName"] for one in cloudformation.describe_stacks()["Stacks"]]
        (cloudformation.update_stack if stack in existing else cloudformation.create_stack)(
            StackName=stack, TemplateBody=body
        )
        until(lambda: not self.status(stack).endswith("_IN_PROGRESS"), 60, f"{stack} is deployed")
        return self.outputs(stack)


PATIENCE = 4


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """Wait until the condition gives something true, and give that; `seconds` are those of an idle machine."""
    deadline = time.monotonic() + PATIENCE * seconds
    while not (found := condition()):
        assert time.monotonic() < deadline, f"not within {PATIENCE * seconds} s: {what}"
        time.sleep(0.05)
    return found


def function(code: Mapping[str, str], **properties: Any) -> dict[str, Any]:
    """A function resource that runs app.handler in the role `Role`."""
    defaults = {
        "Code": dict(code),
        "Handler": "app.handler",
        "Runtime": "python3.13",
        "Role": {"Fn::GetAtt": "Role.Arn"},
        "Timeout": 10,
        "MemorySize": 256,
    }
    return {"Type": "AWS::Lambda::Function", "Properties": defaults | properties}


def processes_of(group_marker: str) -> list[int]:
    """The processes whose command line names this folder (the zombies, which have no command line, left out)."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                command = (entry / "cmdline").read_bytes()
            except OSError:
                continue
            if group_marker.encode() in command:
                found.append(int(entry.name))
    return found

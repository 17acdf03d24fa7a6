"""Builds and deploys the unchanged template.yaml with the SAM command line, into an embedded AWS."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

ROOT = Path(__file__).resolve().parent.parent
REGION = "eu-west-3"
STACK = "pomona"
FULL_BELOW_BYTES = 200 * 2**20  # more than the largest file that a deployment writes: a failed write may free that much


class DeployError(Exception):
    """`sam` refused; the text says which command, and where its output lies."""


@dataclass(frozen=True)
class Cloud:
    """An AWS that listens at `endpoint`, and how to speak to it."""

    endpoint: str

    def environment(self) -> dict[str, str]:
        """What a process needs to take this for AWS."""
        inherited = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        credentials = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
        return {
            **inherited,
            **credentials,
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_REGION": REGION,
        }

    def client(self, service: str) -> Any:
        create: Any = boto3.client  # typed by literal names alone
        return create(
            service,
            endpoint_url=self.endpoint,
            region_name=REGION,
            aws_access_key_id="local",
            aws_secret_access_key="local",  # noqa: S106 - the embedded AWS takes any
            config=Config(retries={"mode": "standard"}, max_pool_connections=16),
        )


def deploy(cloud: Cloud, scratch: Path, parameters: Mapping[str, str], stack: str = STACK) -> dict[str, str]:
    """`sam build` and `sam deploy`; the stack's outputs. The build and the commands' output go to `scratch`."""
    build = scratch / "build"
    _sam(cloud, scratch, "build", "--build-dir", str(build))
    # quoted: sam splits an override at its spaces
    overrides = [f'{name}="{value}"' for name, value in parameters.items()]
    arguments = ["--template-file", str(build / "template.yaml"), "--stack-name", stack, "--region", REGION]
    _sam(cloud, scratch, "deploy", *arguments, *(["--parameter-overrides", *overrides] if overrides else []))
    return outputs(cloud, stack)


def outputs(cloud: Cloud, stack: str = STACK) -> dict[str, str]:
    described = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def _sam(cloud: Cloud, scratch: Path, verb: str, *arguments: str) -> None:
    log = scratch / f"sam-{verb}.log"
    command = [str(ROOT / ".venv/sam/bin/python"), "-m", "samcli", verb, "--config-file", str(ROOT / "samconfig.toml")]
    # sam leaves folders behind
    with log.open("w") as output, tempfile.TemporaryDirectory(prefix="sam-", dir=scratch) as temporary:
        done = subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            env=cloud.environment() | {"TMPDIR": temporary},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        sys.stderr.write("".join(log.read_text().splitlines(keepends=True)[-25:]))
        full = _full_disk(scratch)
        raise DeployError(full or f"sam {verb} ended with {done.returncode}: all that it printed is in {log}")


def _full_disk(folder: Path) -> str:
    """A sentence, if there is hardly any room left."""
    free = shutil.disk_usage(folder).free
    said = f"the disk of {folder} is full ({free // 2**20} MB are free): make room, and run the same command again"
    return said if free < FULL_BELOW_BYTES else ""

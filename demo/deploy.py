"""Build the unchanged template.yaml with SAM's command line, and deploy it into an embedded AWS."""

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from demo.cloud import REGION, EmbeddedCloud, local_environment
from demo.errors import DeployError
from embedded_aws.repository import ROOT

STACK = "pomona"
FULL_BELOW_BYTES = 200 * 2**20  # more than the largest file of a deployment: a failed write may free that much
# read by tools/build.py; embedded_aws/lambda_service/native_packages.py has the other half
NATIVE_PACKAGES_OF_THE_RUNTIME = "POMONA_NATIVE_PACKAGES_OF_THE_RUNTIME"
# sam asks CloudFormation every 5 seconds, which the embedded AWS does not need
_POLLING = {"SAM_CLI_POLL_DELAY": "0.2"}


def deploy(cloud: EmbeddedCloud, scratch: Path, parameters: Mapping[str, str], stack: str = STACK) -> dict[str, str]:
    """Run `sam build` and `sam deploy`; return the stack's outputs. The build and sam's output go to `scratch`."""
    build(scratch)
    return deploy_build(cloud, scratch, parameters, stack)


def build(scratch: Path, *, for_lambda: bool = False) -> None:
    """Run `sam build`, which needs no AWS.

    Without `for_lambda`, `identify` gets no packages for Lambda's Python: the embedded AWS links those of its own.
    """
    left_out = {} if for_lambda else {NATIVE_PACKAGES_OF_THE_RUNTIME: "1"}
    _sam(scratch, local_environment() | left_out, "build", "--build-dir", str(scratch / "build"))


def deploy_build(
    cloud: EmbeddedCloud, scratch: Path, parameters: Mapping[str, str], stack: str = STACK
) -> dict[str, str]:
    """Run `sam deploy` on the build in `scratch`; return the stack's outputs."""
    template = scratch / "build" / "template.yaml"
    # quoted, because sam splits an override at its spaces
    overrides = [f'{name}="{value}"' for name, value in parameters.items()]
    arguments = ["--template-file", str(template), "--stack-name", stack, "--region", REGION]
    arguments += ["--parameter-overrides", *overrides] if overrides else []
    _sam(scratch, cloud.environment() | _POLLING, "deploy", *arguments)
    return outputs(cloud, stack)


def outputs(cloud: EmbeddedCloud, stack: str = STACK) -> dict[str, str]:
    """Return the outputs of a deployed stack."""
    described = cloud.client("cloudformation").describe_stacks(StackName=stack)["Stacks"][0]
    return {output["OutputKey"]: output["OutputValue"] for output in described["Outputs"]}


def _sam(scratch: Path, environment: Mapping[str, str], verb: str, *arguments: str) -> None:
    log = scratch / f"sam-{verb}.log"
    command = [str(ROOT / ".venv/sam/bin/python"), "-m", "samcli", verb, "--config-file", str(ROOT / "samconfig.toml")]
    # sam leaves folders behind in the temporary folder
    with log.open("w") as output, tempfile.TemporaryDirectory(prefix="sam-", dir=scratch) as temporary:
        done = subprocess.run(
            [*command, *arguments],
            cwd=ROOT,
            env={**environment, "TMPDIR": temporary},
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    if done.returncode:
        sys.stderr.write("".join(log.read_text().splitlines(keepends=True)[-25:]))
        raise DeployError(_full_disk(scratch) or f"sam {verb} ended with {done.returncode}; its output is in {log}")


def _full_disk(folder: Path) -> str:
    """Return a message if the disk is almost full, and an empty text otherwise."""
    free = shutil.disk_usage(folder).free
    message = f"the disk of {folder} is full ({free // 2**20} MB are free): make room, and run the same command again"
    return message if free < FULL_BELOW_BYTES else ""

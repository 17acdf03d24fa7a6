"""`make local`: `sam local invoke` of a function with a sample event, in a container that uses an embedded AWS.

The container reaches this machine as host.docker.internal. The embedded AWS listens on `--host`: 127.0.0.1 where Docker
forwards to it (Docker Desktop), and the bridge's address (172.17.0.1) where it does not (Linux).
"""

import argparse
import json
import shlex
import shutil
import subprocess
import sys
import tempfile
import urllib.request
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from demo.cloud import EmbeddedCloud, running_cloud
from demo.deploy import STACK, build, deploy_build, outputs
from demo.errors import DemoError
from embedded_aws.background import StartError
from embedded_aws.cloudformation.custom_resources import RESPONSE_PATH
from embedded_aws.repository import ROOT
from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.lake_layout import CLAIM
from pomona_contract.lanes import Lane
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import new_segments
from pomona_contract.times import iso, now

IN_FLIGHT = "express-in-flight.json"
"""The sample event whose batch is put in flight before, so that the function featurizes images."""
IMAGES_IN_FLIGHT = 3


def function_variables(cloud: EmbeddedCloud, logical_id: str) -> dict[str, str]:
    """Return the environment variables of a deployed function."""
    described = cloud.client("cloudformation").describe_stack_resource(StackName=STACK, LogicalResourceId=logical_id)
    name = described["StackResourceDetail"]["PhysicalResourceId"]
    variables: dict[str, str] = cloud.client("lambda").get_function_configuration(FunctionName=name)["Environment"][
        "Variables"
    ]
    return variables


@dataclass(frozen=True)
class SampleInvocation:
    """A function, by its logical id, and a file of events/."""

    function: str
    event: Path

    @classmethod
    def parse(cls, pair: str) -> Self:
        """Parse FUNCTION=EVENT."""
        function, _, event = pair.partition("=")
        return cls(function, Path(event))


def every_pair() -> list[SampleInvocation]:
    """Return each file of events/ with the function that its name begins with: ingest-s3-put.json, IngestFunction."""
    files = sorted((ROOT / "events").glob("*.json"))
    return [SampleInvocation(f"{path.name.partition('-')[0].capitalize()}Function", path) for path in files]


@dataclass(frozen=True)
class Containers:
    """Invokes functions in containers, against an embedded AWS."""

    cloud: EmbeddedCloud
    state: Path
    arguments: list[str]

    @property
    def endpoint(self) -> str:
        return f"http://host.docker.internal:{urlsplit(self.cloud.endpoint).port}"

    def invoke(self, asked: SampleInvocation) -> str:
        """Return the container's output; DemoError if the handler raised or sent FAILED to CloudFormation."""
        variables, event = self.state / "variables.json", self.state / "event.json"
        variables.write_text(json.dumps({asked.function: function_variables(self.cloud, asked.function)}))
        sent = self._adapted(json.loads(asked.event.read_text()))
        if asked.event.name == IN_FLIGHT:
            put_in_flight(self.cloud, sent)
        event.write_text(json.dumps(sent))
        command = [str(ROOT / ".venv/sam/bin/python"), "-m", "samcli", "local", "invoke", asked.function]
        command += ["-e", str(event), "--template-file", str(self.state / "build" / "template.yaml")]
        command += ["--parameter-overrides", f'EndpointUrl="{self.endpoint}"', "--env-vars", str(variables)]
        done = subprocess.run(
            [*command, *self.arguments], env=self.cloud.environment(), capture_output=True, text=True, check=False
        )
        printed = f"{done.stderr}\n{done.stdout}"
        # sam also exits with 0 if the handler raised
        is_done = asked.event.name != IN_FLIGHT or '"done": true' in done.stdout
        if done.returncode or '"errorMessage"' in done.stdout or not is_done or not self._succeeded(sent):
            raise DemoError(f"{asked.function} with {asked.event.name} failed:\n{printed}")
        return printed

    def _adapted(self, event: dict[str, Any]) -> dict[str, Any]:
        """Return the event; a CloudFormation request gets this stack's id and queue, and a ResponseURL."""
        if "ResponseURL" not in event:
            return event
        stack = self.cloud.client("cloudformation").describe_stacks(StackName=STACK)["Stacks"][0]
        event |= {"StackId": stack["StackId"], "ResponseURL": f"{self.endpoint}{RESPONSE_PATH}{uuid.uuid4().hex}"}
        if "QueueArn" in event["ResourceProperties"]:
            event["ResourceProperties"]["QueueArn"] = self._queue_arn()
        return event

    def _queue_arn(self) -> str:
        url = outputs(self.cloud)["EventQueueUrl"]
        attributes = self.cloud.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])
        return str(attributes["Attributes"]["QueueArn"])

    def _succeeded(self, event: dict[str, Any]) -> bool:
        """Return False if the event is a CloudFormation request and its response is not SUCCESS."""
        if "ResponseURL" not in event:
            return True
        address = self.cloud.endpoint + urlsplit(event["ResponseURL"]).path
        with urllib.request.urlopen(address, timeout=30) as answer:  # noqa: S310 - the embedded AWS
            return (json.load(answer) or {}).get("Status") == "SUCCESS"


def put_in_flight(cloud: EmbeddedCloud, event: Mapping[str, Any]) -> None:
    """Put a few images into the bucket and the batch of the event in flight, as `advance` would."""
    told = dict(zip(event["arguments"][::2], event["arguments"][1::2], strict=True))
    s3, lake, images = cloud.client("s3"), told["--lake-bucket"], told["--images-bucket"]
    pictures = sorted((ROOT / "samples" / "images").glob("*/*.jpg"))[:IMAGES_IN_FLIGHT]
    for picture in pictures:
        s3.put_object(Bucket=images, Key=f"local/{picture.name}", Body=picture.read_bytes())
    moment = now()
    keys = [DirtyKey(images, f"local/{picture.name}", iso(moment)) for picture in pictures]
    segments = new_segments(keys, "local", moment)
    claimed = tuple(ClaimedSegment(name, len(keys)) for name in segments)
    claim = Claim(told["--batch-id"], 1, iso(moment), claimed, "none", dict(event), "none", lane=Lane.EXPRESS)
    for name, body in {**segments, CLAIM: claim.to_json()}.items():
        s3.put_object(Bucket=lake, Key=name, Body=body)


def main(words: list[str]) -> None:
    parser = argparse.ArgumentParser(prog="make local", description=__doc__)
    parser.add_argument("pairs", nargs="*", metavar="FUNCTION=EVENT", help="IngestFunction=events/ingest-s3-put.json")
    parser.add_argument("--all", action="store_true", help="every function with every event of events/")
    parser.add_argument("--host", default="127.0.0.1", help="where the embedded AWS listens")
    parser.add_argument("--sam-arguments", default="", help="further arguments of sam local invoke")
    options = parser.parse_args(words)
    if shutil.which("docker") is None:
        sys.exit("sam local invoke needs Docker: apt-get install docker.io (or Docker Desktop), then run this again")
    (ROOT / ".local-aws").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="invoke-", dir=ROOT / ".local-aws", ignore_cleanup_errors=True) as folder:
        state = Path(folder)
        try:
            with running_cloud(state, options.host) as cloud:
                build(state, for_lambda=True)
                # so that the role of identify may read images, as some of its events ask for
                deploy_build(cloud, state, {"IdentifyAccess": "iam"})
                containers = Containers(cloud, state, shlex.split(options.sam_arguments))
                for asked in every_pair() if options.all else map(SampleInvocation.parse, options.pairs):
                    print(f"--- {asked.function} with {asked.event.name}", flush=True)
                    print(containers.invoke(asked), flush=True)
        except (DemoError, StartError) as error:
            sys.exit(f"local: {error}")


if __name__ == "__main__":
    main(sys.argv[1:])

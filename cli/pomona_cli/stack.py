"""A deployed stack: found by its name, and everything else through its outputs."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError
from botocore.utils import is_valid_endpoint_url

from pomona_cli.errors import CliError, Place, not_aws
from pomona_cli.terminal import say
from pomona_intake.errors import code_of
from pomona_intake.queue.activity import Activity
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.s3.lake import Lake
from pomona_intake.settings import Settings

CONNECTIONS = 32
_CONFIG = Config(
    connect_timeout=5,
    read_timeout=60,
    max_pool_connections=CONNECTIONS,
    retries={"mode": "standard", "max_attempts": 5},
)
NO_REGION = "(none)"
_ASK_FOR_A_REGION = "No region is given: pass --region, or set AWS_REGION or AWS_DEFAULT_REGION."


@dataclass(frozen=True)
class Stack:
    """A stack and how to speak to its AWS. Its documents, queue and settings are read when they are asked for."""

    place: Place
    session: boto3.Session
    outputs: Mapping[str, str]

    @property
    def images_bucket(self) -> str:
        return self._output("ImagesBucketName")

    @property
    def lake_bucket(self) -> str:
        return self._output("LakeBucketName")

    @property
    def table_name(self) -> str:
        return self._output("TableName")

    @property
    def application_id(self) -> str:
        return self._output("ApplicationId")

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        """A client of a service; clients may be used by many threads at once."""
        return _client(self.session, service, self.place)

    @cached_property
    def s3(self) -> Any:  # noqa: ANN401
        return self.client("s3")

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.s3, self.lake_bucket)

    @cached_property
    def settings(self) -> Settings:
        """The settings that the deployed functions run with."""
        name = self._output("AdvanceFunctionName")
        configuration = self.client("lambda").get_function_configuration(FunctionName=name)
        return Settings.from_environment(configuration["Environment"]["Variables"])

    @cached_property
    def queue(self) -> Queue:
        runs = EmrClient(self.client("emr-serverless"))
        return Queue(self.lake, runs, self.failed, self.line(self.settings.retry_after), self.settings, _ignore)

    @cached_property
    def segments(self) -> SegmentWriter:
        """Where keys enter the queue."""
        return SegmentWriter(self.lake, _ignore)

    @cached_property
    def failed(self) -> FailedBatches:
        return FailedBatches(self.lake, self.segments)

    def line(self, pause: timedelta = timedelta(0)) -> FailurePauseStore:
        """Whether batches fail in a row; `pause` matters to whoever notes a failure."""
        return FailurePauseStore(self.lake, pause, say)

    def look_at_the_queue(self) -> None:
        """Let the deployed `advance` launch a run if one is due, instead of waiting for the clock."""
        self.client("lambda").invoke(FunctionName=self._output("AdvanceFunctionName"), InvocationType="Event")

    def _output(self, name: str) -> str:
        if name not in self.outputs:
            raise CliError(
                f"The stack {self.place.stack} has no output {name}: it is no stack of Pomona, or an older one."
            )
        return self.outputs[name]


def place_of(stack: str, region: str | None, endpoint: str | None) -> Place:
    """Where to look for a stack: what the options leave open is taken from the environment and the profile.

    CliError for a name or an endpoint that cannot be one: boto3 says that in a traceback.
    """
    if not stack.strip():
        raise CliError("The name of the stack is empty: is a variable not set? Name it with --stack or POMONA_STACK.")
    if endpoint and not _is_address(endpoint):
        raise CliError(f"{endpoint!r} is no address for --endpoint-url: write it as http://127.0.0.1:5000.")
    chosen = region or os.environ.get("AWS_REGION") or boto3.Session().region_name
    return Place(stack, chosen or NO_REGION, endpoint or None)


def _is_address(endpoint: str) -> bool:
    try:
        parts = urlsplit(endpoint)
        return parts.scheme in ("http", "https") and parts.port != 0 and is_valid_endpoint_url(endpoint)
    except ValueError:  # of a port that is no number, of brackets that are not closed
        return False


def find_stack(place: Place) -> Stack:
    """The stack; CliError if there is none, saying where it was looked for."""
    if place.region == NO_REGION:
        raise CliError(_ASK_FOR_A_REGION)
    session = boto3.Session()
    return Stack(place, session, _outputs(_client(session, "cloudformation", place), place))


def _outputs(cloudformation: Any, place: Place) -> dict[str, str]:  # noqa: ANN401
    try:
        found = cloudformation.describe_stacks(StackName=place.stack).get("Stacks", ())
    except ClientError as error:
        if code_of(error) == "ValidationError":
            raise CliError(_no_stack(place)) from error
        raise
    except KeyError as error:  # botocore's, of XML that is not of CloudFormation
        raise CliError(not_aws(place)) from error
    if len(found) != 1:
        raise CliError(not_aws(place))
    (described,) = found
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}
    if not outputs:
        raise CliError(
            f"The stack {place.stack} in {place} is {described['StackStatus']} and has no outputs: deploy it first."
        )
    return outputs


def _no_stack(place: Place) -> str:
    return (
        f"There is no stack {place.stack} in {place}. Name another with --stack, "
        "another region with --region, another AWS with --endpoint-url."
    )


def _client(session: boto3.Session, service: str, place: Place) -> Any:  # noqa: ANN401
    create: Any = session.client  # typed by literal names alone
    return create(service, region_name=place.region, endpoint_url=place.endpoint, config=_config(place.endpoint))


def _config(endpoint: str | None) -> Config:
    """boto3's configuration; requests to a loopback address do not go through the proxy, which could not reach it."""
    return _CONFIG.merge(Config(proxies={})) if endpoint and _is_loopback(endpoint) else _CONFIG


def _is_loopback(endpoint: str) -> bool:
    host = urlsplit(endpoint).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:  # a name
        return host == "localhost"


def _ignore(step: Activity) -> None:
    """The command line tells in its own words what it did."""

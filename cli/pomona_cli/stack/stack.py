"""A deployed stack: found by its name, and everything else through its outputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from typing import Any

import boto3
from botocore.exceptions import ClientError

from pomona_cli.errors import CliError
from pomona_cli.output.stream import print_message
from pomona_cli.stack.aws_errors import not_aws
from pomona_cli.stack.clients import create_client
from pomona_cli.stack.location import StackLocation
from pomona_contract.lanes import Lane
from pomona_intake.errors import code_of
from pomona_intake.queue.activity import Activity
from pomona_intake.queue.failed_batches import FailedBatches
from pomona_intake.queue.failure_pause_store import FailurePauseStore
from pomona_intake.queue.queue import Queue
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.runs.emr_client import EmrClient
from pomona_intake.runs.express_client import ExpressClient
from pomona_intake.runs.run_states import RunClient
from pomona_intake.s3.lake import Lake
from pomona_intake.settings import Settings


@dataclass(frozen=True)
class Stack:
    """A stack and its AWS clients. Its settings and queue are read when they are used for the first time."""

    location: StackLocation
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

    @property
    def refit_function(self) -> str:
        return self._output("RefitFunctionName")

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        """Return a client of a service; several threads may use it at once."""
        return create_client(self.session, service, self.location)

    @cached_property
    def s3(self) -> Any:  # noqa: ANN401
        return self.client("s3")

    @cached_property
    def lake(self) -> Lake:
        return Lake(self.s3, self.lake_bucket)

    @cached_property
    def settings(self) -> Settings:
        """The settings of the deployed functions."""
        name = self._output("AdvanceFunctionName")
        configuration = self.client("lambda").get_function_configuration(FunctionName=name)
        return Settings.from_environment(configuration["Environment"]["Variables"])

    @cached_property
    def express_runs(self) -> ExpressClient:
        """The runs of the express lane."""
        settings = self.settings
        client = self.client("lambda")
        return ExpressClient(self.lake, client, settings.express_function_name, settings.express_longest)

    @cached_property
    def queue(self) -> Queue:
        cluster = EmrClient(self.client("emr-serverless"))
        runs: dict[Lane, RunClient] = {Lane.CLUSTER: cluster, Lane.EXPRESS: self.express_runs}
        return Queue(self.lake, runs, self.failed, self.pauses(self.settings.retry_after), self.settings, _ignore)

    @cached_property
    def segments(self) -> SegmentWriter:
        """The writer of the queue's segments."""
        return SegmentWriter(self.lake, _ignore)

    @cached_property
    def failed(self) -> FailedBatches:
        return FailedBatches(self.lake, self.segments)

    def pauses(self, pause: timedelta = timedelta(0)) -> FailurePauseStore:
        """Return the record of batches that failed in a row; `pause` is used only when a failure is recorded."""
        return FailurePauseStore(self.lake, pause, print_message)

    def invoke_advance(self) -> None:
        """Have the deployed `advance` launch a run if one is due, before its next scheduled invocation."""
        self.client("lambda").invoke(FunctionName=self._output("AdvanceFunctionName"), InvocationType="Event")

    def _output(self, name: str) -> str:
        if name not in self.outputs:
            raise CliError(
                f"The stack {self.location.stack} has no output {name}: it is no stack of Pomona, or an older one."
            )
        return self.outputs[name]


def find_stack(location: StackLocation) -> Stack:
    """Return the stack; CliError with the location if there is none."""
    session = boto3.Session()
    return Stack(location, session, _outputs(create_client(session, "cloudformation", location), location))


def _outputs(cloudformation: Any, location: StackLocation) -> dict[str, str]:  # noqa: ANN401
    try:
        found = cloudformation.describe_stacks(StackName=location.stack).get("Stacks", ())
    except ClientError as error:
        if code_of(error) == "ValidationError":
            raise CliError(_no_stack(location)) from error
        raise
    except KeyError as error:  # botocore's, for XML that is not CloudFormation's
        raise CliError(not_aws(location)) from error
    if len(found) != 1:
        raise CliError(not_aws(location))
    (described,) = found
    outputs = {output["OutputKey"]: output["OutputValue"] for output in described.get("Outputs", ())}
    if not outputs:
        raise CliError(
            f"The stack {location.stack} in {location} is {described['StackStatus']} and has no outputs: "
            "deploy it first."
        )
    return outputs


def _no_stack(location: StackLocation) -> str:
    return (
        f"There is no stack {location.stack} in {location}. Name another with --stack, "
        "another region with --region, another AWS with --endpoint-url."
    )


def _ignore(activity: Activity) -> None:
    """Report no activity: the commands print their own messages."""

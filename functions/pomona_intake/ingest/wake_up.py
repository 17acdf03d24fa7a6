"""Waking `advance` when keys have come and nothing is in flight: else it wakes when the run ends, or on schedule."""

from typing import TYPE_CHECKING

from pomona_intake.queue.documents import ACTIVE
from pomona_intake.s3.lake import Lake

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient


class Poke:
    """Invokes `advance` asynchronously."""

    def __init__(self, lake: Lake, client: "LambdaClient", function_name: str) -> None:
        self._lake = lake
        self._client = client
        self._function_name = function_name

    def if_nothing_is_in_flight(self) -> None:
        """Invoke it unless a batch is claimed; raises what S3 or Lambda answers."""
        if self._lake.read(ACTIVE) is None:
            self._client.invoke(FunctionName=self._function_name, InvocationType="Event")

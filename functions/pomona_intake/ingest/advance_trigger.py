"""Invoke `advance` when keys have come and no batch is in flight; otherwise the run's end or its schedule does."""

from typing import TYPE_CHECKING

from pomona_contract.lake_layout import CLAIM
from pomona_intake.s3.lake import Lake

if TYPE_CHECKING:
    from mypy_boto3_lambda.client import LambdaClient


class AdvanceTrigger:
    """Invokes the function `advance` asynchronously."""

    def __init__(self, lake: Lake, client: "LambdaClient", function_name: str) -> None:
        self._lake = lake
        self._client = client
        self._function_name = function_name

    def invoke_unless_in_flight(self) -> None:
        """Invoke it unless a batch is claimed; raise what S3 or Lambda answers."""
        if self._lake.read(CLAIM) is None:
            self._client.invoke(FunctionName=self._function_name, InvocationType="Event")

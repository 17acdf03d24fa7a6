"""Whether a custom resource that CloudFormation takes away may take its data with it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from aws_lambda_powertools import Logger

from pomona_intake.errors import TerminalError
from pomona_provisioning.custom_resources import Request

logger = Logger()
_SPARE_MILLISECONDS = 30_000  # for the answer to CloudFormation


class UnfinishedError(TerminalError):
    """The deletion is right but longer than one invocation: asked again, it goes on where it ended."""


@dataclass(frozen=True)
class Deletion:
    """The conditions of a deletion.

    CloudFormation sends the same Delete when a stack is deleted, when a new one is rolled back and when an update has
    replaced a resource. Data goes only with the first, and only if the parameter DeleteData says so.
    """

    wanted: bool
    stack_id: str
    cloudformation: Any
    remaining_milliseconds: Callable[[], int]

    @classmethod
    def of(cls, request: Request, cloudformation: Any, remaining_milliseconds: Callable[[], int]) -> Self:  # noqa: ANN401
        """The conditions that a request of CloudFormation carries."""
        wanted = request.get("ResourceProperties", {}).get("DeleteData") == "delete"
        return cls(wanted, request["StackId"], cloudformation, remaining_milliseconds)

    def takes_data(self) -> bool:
        """Whether the data is to go; asks CloudFormation what is happening to the stack."""
        if not self.wanted:
            return False
        stack = self.cloudformation.describe_stacks(StackName=self.stack_id)["Stacks"][0]
        return bool(stack["StackStatus"] == "DELETE_IN_PROGRESS")

    def has_time(self) -> bool:
        """Whether the invocation lasts long enough for another step."""
        return self.remaining_milliseconds() > _SPARE_MILLISECONDS


def kept(what: str, why: str) -> None:
    """Says what stays after the stack, where an operator looks for it: in the log, which stays as well."""
    logger.warning("kept", extra={"details": f"{what} stays: {why}"})

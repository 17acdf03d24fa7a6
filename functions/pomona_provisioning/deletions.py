"""Decide whether the deletion of a custom resource may delete its data."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Self

from aws_lambda_powertools import Logger

from pomona_contract.errors import TerminalError
from pomona_provisioning.custom_resources import Request

logger = Logger()
_SPARE_MILLISECONDS = 30_000  # for the answer to CloudFormation


class UnfinishedError(TerminalError):
    """The deletion takes longer than one invocation: repeated, it continues where it ended."""


@dataclass(frozen=True)
class Deletion:
    """The conditions of a deletion.

    CloudFormation sends the same Delete when a stack is deleted, when a new stack is rolled back and when an update has
    replaced a resource. Data is deleted only in the first case, and only if the parameter DeleteData requests it.
    """

    is_requested: bool
    stack_id: str
    cloudformation: Any
    remaining_milliseconds: Callable[[], int]

    @classmethod
    def of(cls, request: Request, cloudformation: Any, remaining_milliseconds: Callable[[], int]) -> Self:  # noqa: ANN401
        """Return the conditions of a request."""
        is_requested = request.get("ResourceProperties", {}).get("DeleteData") == "delete"
        return cls(is_requested, request["StackId"], cloudformation, remaining_milliseconds)

    def deletes_data(self) -> bool:
        """Return True if the data has to be deleted; ask CloudFormation whether the stack is being deleted."""
        if not self.is_requested:
            return False
        stack = self.cloudformation.describe_stacks(StackName=self.stack_id)["Stacks"][0]
        return bool(stack["StackStatus"] == "DELETE_IN_PROGRESS")

    def has_time(self) -> bool:
        """Return True if the invocation has time for another step."""
        return self.remaining_milliseconds() > _SPARE_MILLISECONDS


def log_kept(what: str, why: str) -> None:
    """Log what remains after the stack; the log remains too."""
    logger.warning("kept", extra={"details": f"{what} stays: {why}"})

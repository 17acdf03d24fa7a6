"""The Glue database of the feature table: made, or adopted from an earlier stack of the same name."""

from typing import Any

from botocore.exceptions import ClientError

from pomona_intake.errors import TerminalError, already_gone, code_of
from pomona_provisioning.custom_resources import NOTHING_MADE, Request, Resource
from pomona_provisioning.deletions import Deletion, kept

_OWNER = "pomona.stack"


class DatabaseError(TerminalError):
    """The database belongs to somebody else."""


def provide(glue: Any, request: Request, deletion: Deletion) -> Resource:  # noqa: ANN401
    """Does what CloudFormation asks."""
    properties, stack = request["ResourceProperties"], request["StackId"].split("/")[1]
    if request["RequestType"] == "Delete":
        _leave(glue, request["PhysicalResourceId"], deletion)
        return Resource(request["PhysicalResourceId"])
    name = properties["DatabaseName"]
    _refuse_change(request, name)
    described = {"Name": name, "Description": properties["Description"], "Parameters": {_OWNER: stack}}
    try:
        glue.create_database(DatabaseInput=described)
    except ClientError as error:
        if code_of(error) != "AlreadyExistsException":
            raise
        _adopt(glue, described, stack)
    return Resource(name)


def _refuse_change(request: Request, name: str) -> None:
    # not the old properties: an update that is undone has the refused name there, and must succeed
    previous = request.get("PhysicalResourceId", name)
    if previous != name:
        raise DatabaseError(
            f"DatabaseName cannot change from {previous} to {name}: the table with all rows is in {previous}; "
            f"deploy a second stack for {name}"
        )


def _adopt(glue: Any, described: dict[str, Any], stack: str) -> None:  # noqa: ANN401
    found = glue.get_database(Name=described["Name"])["Database"].get("Parameters", {}).get(_OWNER)
    if found != stack:
        owner = f"the stack {found}" if found else "somebody else"
        raise DatabaseError(
            f"DatabaseName is {described['Name']}, but that database belongs to {owner}: choose another name"
        )
    glue.update_database(Name=described["Name"], DatabaseInput=described)


def _leave(glue: Any, name: str, deletion: Deletion) -> None:  # noqa: ANN401
    if name == NOTHING_MADE:
        return
    if deletion.takes_data():
        with already_gone("EntityNotFoundException"):
            glue.delete_database(Name=name)
    else:
        kept(f"the database {name}", "it says where the table's data lies")

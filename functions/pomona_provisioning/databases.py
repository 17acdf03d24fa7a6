"""Custom::Database: the Glue database of the feature table, created or adopted from an earlier stack of that name."""

from typing import Any

from botocore.exceptions import ClientError

from pomona_contract.errors import TerminalError
from pomona_intake.errors import code_of, ignore_missing
from pomona_provisioning.custom_resources import NOTHING_MADE, Request, Resource
from pomona_provisioning.deletions import Deletion, log_kept

_OWNER = "pomona.stack"


class DatabaseError(TerminalError):
    """The database cannot be used or changed; the text says why."""


def provide(glue: Any, request: Request, deletion: Deletion) -> Resource:  # noqa: ANN401
    """Carry out CloudFormation's request."""
    properties, stack = request["ResourceProperties"], request["StackId"].split("/")[1]
    if request["RequestType"] == "Delete":
        _keep_or_delete(glue, request["PhysicalResourceId"], deletion)
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
    # Compare with the physical id: the rollback of a refused update has the refused name in its old properties.
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


def _keep_or_delete(glue: Any, name: str, deletion: Deletion) -> None:  # noqa: ANN401
    if name == NOTHING_MADE:
        return
    if deletion.deletes_data():
        with ignore_missing("EntityNotFoundException"):
            glue.delete_database(Name=name)
    else:
        log_kept(f"the database {name}", "it says where the table's data lies")

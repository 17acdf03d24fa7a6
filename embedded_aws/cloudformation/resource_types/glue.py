"""Glue databases."""

from botocore.exceptions import ClientError

from embedded_aws.cloudformation.handlers import ResourceRequest, ReturnValues, puts, raise_unless, removes
from embedded_aws.cloudformation.intrinsics import StackResource


@puts("AWS::Glue::Database")
def _put_database(request: ResourceRequest) -> ReturnValues:
    glue, asked = request.client("glue"), dict(request.properties["DatabaseInput"])
    asked.setdefault("Name", request.generated_name.lower().replace("-", "_"))
    try:
        glue.create_database(DatabaseInput=asked)
    except ClientError as error:
        raise_unless(error, *(["AlreadyExistsException"] if request.previous else []))
        glue.update_database(Name=asked["Name"], DatabaseInput=asked)
    return ReturnValues(asked["Name"])


@removes("AWS::Glue::Database")
def _remove_database(request: ResourceRequest, resource: StackResource) -> None:
    request.client("glue").delete_database(Name=resource.physical_id)

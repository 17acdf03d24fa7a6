"""CloudFormation."""

from collections.abc import Callable
from typing import Any

from moto.cloudformation import responses
from moto.cloudformation.exceptions import AlreadyExistsException, ValidationError
from moto.cloudformation.models import Change, CloudFormationBackend, Event, Stack, cloudformation_backends

from embedded_aws.moto_internals.substitution import substitute_backend

__all__ = [
    "AlreadyExistsException",
    "Change",
    "CloudFormationBackend",
    "Event",
    "Stack",
    "ValidationError",
    "cloudformation_backends",
    "install",
]


def install(backend: type, template_at: Callable[..., str], **actions: Callable[[Any], Any]) -> None:
    """Replace the backend, the reader of TemplateURL and these actions.

    moto's backend skips the resource types that it lacks; its reader only reads from amazonaws.com and localhost.
    """
    substitute_backend(cloudformation_backends, backend)
    responses.get_stack_from_s3_url = template_at
    for name, action in actions.items():
        setattr(responses.CloudFormationResponse, name, action)

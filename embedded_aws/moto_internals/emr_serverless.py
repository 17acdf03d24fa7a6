"""EMR Serverless."""

from moto.emrserverless import urls
from moto.emrserverless.exceptions import ResourceNotFoundException, ValidationException
from moto.emrserverless.models import Application, EMRServerlessBackend, JobRun, emrserverless_backends
from moto.emrserverless.responses import EMRServerlessResponse

from embedded_aws.moto_internals.substitution import substitute_backend, substitute_response

__all__ = [
    "Application",
    "EMRServerlessBackend",
    "EMRServerlessResponse",
    "JobRun",
    "ResourceNotFoundException",
    "ValidationException",
    "emrserverless_backends",
    "install",
]


def install(backend: type, response: type) -> None:
    """Replace the backend, whose job runs succeed at once, and the parser of requests, which drops members."""
    substitute_backend(emrserverless_backends, backend)
    substitute_response(urls, response)

"""Lambda."""

from moto.awslambda.exceptions import InvalidParameterValueException
from moto.awslambda.models import LambdaBackend, lambda_backends

from embedded_aws.moto_internals.substitution import substitute_backend

__all__ = ["InvalidParameterValueException", "LambdaBackend", "install", "lambda_backends"]


def install(backend: type) -> None:
    """Replace the backend: moto's runs functions in containers."""
    substitute_backend(lambda_backends, backend)

"""The Glue catalog."""

from moto.glue import urls
from moto.glue.models import GlueBackend, glue_backends
from moto.glue.responses import GlueResponse

from embedded_aws.moto_internals.substitution import substitute_backend, substitute_response

__all__ = ["GlueBackend", "GlueResponse", "glue_backends", "install"]


def install(backend: type, response: type) -> None:
    """Replace the backend, which forgets everything with its process, and UpdateTable, which ignores VersionId."""
    substitute_backend(glue_backends, backend)
    substitute_response(urls, response)

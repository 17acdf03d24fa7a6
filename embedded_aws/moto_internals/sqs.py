"""SQS."""

from moto.sqs import models
from moto.sqs.models import Message, Queue, SQSBackend, sqs_backends

from embedded_aws.moto_internals.substitution import substitute_backend

__all__ = ["Message", "Queue", "SQSBackend", "install", "sqs_backends"]


def install(backend: type, queue: type) -> None:
    """Replace the backend and its queues, which forget everything with their process."""
    substitute_backend(sqs_backends, backend)
    models.Queue = queue

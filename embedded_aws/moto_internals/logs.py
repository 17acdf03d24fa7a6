"""CloudWatch Logs."""

from moto.logs.models import logs_backends

__all__ = ["logs_backends"]

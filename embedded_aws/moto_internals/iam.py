"""IAM and STS."""

from moto.iam.access_control import PermissionResult
from moto.iam.aws_managed_policies import aws_managed_policies_data
from moto.iam.models import iam_backends
from moto.sts.models import sts_backends

__all__ = ["PermissionResult", "aws_managed_policies_data", "iam_backends", "sts_backends"]

"""The resource types that a template may use, by service. Importing this package registers all of them.

To add a type, write its two handlers (`@puts`, `@removes`) into the module of its service. Import a new module below.
"""

from embedded_aws.cloudformation.resource_types import (
    budgets,
    cloudwatch,
    emr_serverless,
    events,
    glue,
    iam,
    lambda_service,
    logs,
    s3,
    sns,
    sqs,
)

__all__ = [
    "budgets",
    "cloudwatch",
    "emr_serverless",
    "events",
    "glue",
    "iam",
    "lambda_service",
    "logs",
    "s3",
    "sns",
    "sqs",
]

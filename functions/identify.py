"""Lambda function that says what an image shows: {"image": base64} becomes label, probability, similar images."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_identify.answers import answer
from pomona_identify.dependencies import newest_results
from pomona_intake.telemetry import logger, traced


@logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the answer; the image is not kept, and nothing of it is logged."""
    answered = answer(event, newest_results(context.invoked_function_arn).get)
    logger.info("answered", extra={"status": answered.get("status", 200), "reason": answered.get("error")})
    return answered

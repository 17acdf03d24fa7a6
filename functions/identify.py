"""Lambda function that says what an image shows: label, probability, similar images. By invocation, or by its URL."""

from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona_identify.dependencies import http_of, identify_of
from pomona_identify.http import is_request
from pomona_identify.questions import question_of
from pomona_intake.telemetry import logger, traced


@logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Return the answer; the image is not kept, and nothing of it is logged."""
    if is_request(event):
        response = http_of(context.invoked_function_arn).respond(event)
        logger.info("responded", extra={"status": response["statusCode"]})
        return response
    answered = identify_of(context.invoked_function_arn).answer(lambda: question_of(event))
    logger.info("answered", extra={"status": answered.get("status", 200), "reason": answered.get("error")})
    return answered

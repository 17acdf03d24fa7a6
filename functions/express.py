"""Lambda function that is the express lane: it featurizes the few keys of the batch in flight."""

from dataclasses import asdict
from typing import Any

from aws_lambda_powertools.utilities.typing import LambdaContext

from pomona.stopwatch import Stopwatch
from pomona_express.invocation import carry_out
from pomona_intake.telemetry import logger, traced


@logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Carry out one attempt at a batch. `advance` learns of its end by the function's destinations.

    Raises:
        Exception: the run failed; its reason is in the lake, and the cluster makes the next attempt.
    """
    logger.append_keys(run=event["name"])  # in every line, so that `pomona logs` finds them
    try:
        answered = carry_out(event, int(context.memory_limit_in_mb), Stopwatch())
    except Exception:
        logger.exception("the run failed; the cluster makes the next attempt")
        raise
    logger.info("featurized" if answered.done else "not featurized", extra={"details": answered.details})
    return asdict(answered)

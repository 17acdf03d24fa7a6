"""Lambda function that is the express lane: it featurizes the few keys of the batch in flight."""

from dataclasses import asdict
from typing import Any

from pomona.stopwatch import Stopwatch

_IMPORTS = Stopwatch()

from aws_lambda_powertools.utilities.typing import LambdaContext  # noqa: E402

from pomona_express.invocation import Function, carry_out  # noqa: E402
from pomona_intake.telemetry import logger, traced  # noqa: E402

# Lambda bills the start of a process, but not the time until its first event, which may come much later
_OF_A_COLD_START = [_IMPORTS.elapsed()]


@logger.inject_lambda_context(clear_state=True)
@traced
def handler(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Carry out one attempt at a batch. `advance` learns of its end by the function's destinations.

    Raises:
        Exception: the run failed; its reason is in the lake, and the cluster makes the next attempt.
    """
    stopwatch = Stopwatch(_OF_A_COLD_START.pop() if _OF_A_COLD_START else 0.0)
    logger.append_keys(run=event["name"])  # in every line, so that `pomona logs` finds them
    try:
        function = Function(int(context.memory_limit_in_mb), context.get_remaining_time_in_millis() / 1000)
        answered = carry_out(event, function, stopwatch)
    except Exception:
        logger.exception("the run failed; the cluster makes the next attempt")
        raise
    logger.info("featurized" if answered.done else "not featurized", extra={"details": answered.details})
    return asdict(answered)

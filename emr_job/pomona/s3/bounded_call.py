"""Calls with a limit of time: boto3's own timeout starts again with every byte, so a slow answer has no limit."""

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

Result = TypeVar("Result")


class AnswerTimeoutError(Exception):
    """S3 has not begun, or not finished, an answer in time."""


def call_within(seconds: float, call: Callable[[], Result]) -> Result:
    """Return what `call` returns, or raise what it raises.

    The call runs in a thread of its own, which goes on after the timeout: nothing can end a read that gets bytes.

    Raises:
        AnswerTimeoutError: the call takes longer than `seconds`.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(call())
        except BaseException as error:
            outcome.set_exception(error)

    threading.Thread(target=run, name="boto3", daemon=True).start()
    try:
        return outcome.result(seconds)
    except TimeoutError:
        if outcome.done():  # the call itself raised it
            raise
        raise AnswerTimeoutError(f"within {seconds:g} s") from None

"""The process in which a function runs: reads an event a line and writes a result a line, until the server ends.

worker.py DESCRIPTOR HANDLER FOLDER…   (isolated: its import path is the standard library and the folders, nothing else)
"""

import importlib
import json
import os
import signal
import sys
import threading
import time
import traceback
from typing import Any, TextIO


class LambdaContext:
    """The context object that Lambda passes to a handler."""

    def __init__(self, described: dict[str, Any]) -> None:
        self.aws_request_id: str = described["request_id"]
        self.function_name: str = described["function_name"]
        self.function_version: str = described["function_version"]
        self.invoked_function_arn: str = described["arn"]
        self.memory_limit_in_mb: int = described["memory"]
        self.log_group_name = f"/aws/lambda/{self.function_name}"
        self.log_stream_name = "local"
        self.identity = self.client_context = None
        self._deadline = time.monotonic() + described["timeout_seconds"]

    def get_remaining_time_in_millis(self) -> int:
        """Return the milliseconds until the function times out."""
        return max(0, int((self._deadline - time.monotonic()) * 1000))


def _end_with(descriptor: int) -> None:
    os.read(descriptor, 1)
    os.killpg(0, signal.SIGKILL)


def _private_channel() -> tuple[TextIO, TextIO]:
    """Return the pipes to the server, and redirect stdin and stdout for a handler that reads or prints."""
    requests = os.fdopen(os.dup(0), encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    os.dup2(2, 1)
    sys.stdout.reconfigure(line_buffering=True)  # type: ignore[union-attr]
    return requests, answers


def _describe(error: BaseException) -> dict[str, Any]:
    trace = traceback.format_tb(error.__traceback__)
    print(f"[ERROR] {type(error).__name__}: {error}\n{''.join(trace)}", file=sys.stderr, flush=True)
    return {"errorMessage": str(error), "errorType": type(error).__name__, "stackTrace": trace}


def _load(handler: str) -> Any:
    module, _, name = handler.rpartition(".")
    return getattr(importlib.import_module(module.replace("/", ".")), name)


def _answer(handler: Any, line: str) -> str:
    asked = json.loads(line)
    try:
        return json.dumps({"result": handler(asked["event"], LambdaContext(asked["context"]))})
    except BaseException as error:  # any exception of the handler is the invocation's result
        return json.dumps({"error": _describe(error)})


def main() -> None:
    """Serve invocations until the channel ends."""
    descriptor, handler_name, *folders = sys.argv[1:]
    threading.Thread(target=_end_with, args=(int(descriptor),), daemon=True).start()
    requests, answers = _private_channel()
    sys.path[:0] = folders[:1]
    sys.path += folders[1:]
    try:
        handler: Any = _load(handler_name)
    except BaseException as error:  # an import error is every invocation's result
        failure = json.dumps({"error": _describe(error)})
        handler = None
    for line in requests:
        print(_answer(handler, line) if handler else failure, file=answers, flush=True)


if __name__ == "__main__":
    main()

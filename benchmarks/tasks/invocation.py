"""Runs in a process of its own, with a function's package on the import path and nothing else: what Lambda would do.

invocation.py PACKAGE MODULE EVENT TIMES   prints seconds of the import and of each call, CPU seconds, and peak memory
"""

import importlib
import json
import sys
import time


class Context:
    """What Lambda hands over beside the event."""

    function_name = "bench"
    function_version = "1"
    memory_limit_in_mb = 256
    invoked_function_arn = "arn:aws:lambda:eu-west-3:123456789012:function:bench"
    log_group_name = log_stream_name = "bench"

    def __init__(self, number: int) -> None:
        self.aws_request_id = f"00000000-0000-0000-0000-{number:012d}"

    def get_remaining_time_in_millis(self) -> int:
        """Time enough."""
        return 60_000


def peak_bytes() -> int:
    """Of this program alone: getrusage's figure begins with that of the process that started it."""
    with open("/proc/self/status", encoding="utf-8") as file:  # noqa: PTH123
        (line,) = [line for line in file if line.startswith("VmHWM:")]
    return int(line.split()[1]) * 1024


def main() -> None:
    package, module, event_file, times = sys.argv[1:]
    sys.path.insert(0, package)
    with open(event_file, encoding="utf-8") as file:  # noqa: PTH123 (pathlib's import belongs to what is measured)
        event = json.load(file)
    began = time.perf_counter()
    handler = importlib.import_module(module).handler
    imported = time.perf_counter() - began
    calls, answers = [], []
    cpu = time.process_time()
    for number in range(int(times)):
        began = time.perf_counter()
        answers.append(handler(event, Context(number)))
        calls.append(time.perf_counter() - began)
    cpu = time.process_time() - cpu
    told = {"import": imported, "calls": calls, "cpu": cpu, "peak_bytes": peak_bytes(), "answers": answers}
    sys.stderr.write(json.dumps(told))


if __name__ == "__main__":
    main()

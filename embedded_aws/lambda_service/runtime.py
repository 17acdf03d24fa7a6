"""The Lambda runtime: runs the deployed code in worker processes that cannot import this project."""

import io
import json
import os
import selectors
import shutil
import subprocess
import sys
import threading
import time
import uuid
import zipfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from embedded_aws.clients import Clients
from embedded_aws.cloudwatch.evaluator import record_invocation, record_throttle
from embedded_aws.lambda_service.log_delivery import LAMBDA_ACTIONS, LogDelivery, LogStream
from embedded_aws.lambda_service.native_packages import link_native_packages
from embedded_aws.processes import kill_group, lifeline

# Lambda's runtime image holds boto3 and its dependencies besides the standard library
_IN_RUNTIME_IMAGE = ("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "urllib3", "six")
_MAXIMUM_CONCURRENCY = 4
_WORKER = Path(__file__).with_name("worker.py")


class ThrottledError(Exception):
    """The function already runs as often at once as its reserved concurrency allows."""


@dataclass(frozen=True)
class InvocationResult:
    """The result of an invocation: the handler's JSON, or the error that it raised."""

    payload: bytes
    failed: bool


@dataclass
class _Pool:
    """The idle workers of one deployed version of code and configuration."""

    idle: list["_Worker"] = field(default_factory=list)
    slots: threading.Semaphore = field(default_factory=lambda: threading.Semaphore(_MAXIMUM_CONCURRENCY))


class LambdaRuntime:
    """Invokes functions by their code, handler, environment, role and timeout, which moto's objects hold."""

    def __init__(self, state: Path, clients: Clients, logs: LogDelivery) -> None:
        self._state = state
        self._clients = clients
        self._logs = logs
        self._pools: dict[str, tuple[str, _Pool]] = {}
        self._running: Counter[str] = Counter()
        self._lock = threading.Lock()

    def invoke(self, function: Any, event: Any) -> InvocationResult:
        """Invoke the handler and wait for the result. `function` is moto's LambdaFunction.

        Raises:
            ThrottledError: the function has a reserved concurrency, and all of it is in use.
        """
        with self._within_reserved(function):
            return self._run(function, event)

    @contextmanager
    def _within_reserved(self, function: Any) -> Iterator[None]:
        reserved, name = function.reserved_concurrency, function.function_arn
        with self._lock:
            throttled = reserved is not None and self._running[name] >= int(reserved)
            self._running[name] += not throttled
        if throttled:
            record_throttle(function)
            raise ThrottledError(f"Rate Exceeded: {function.function_name} has a reserved concurrency of {reserved}")
        try:
            yield
        finally:
            with self._lock:
                self._running[name] -= 1

    def _run(self, function: Any, event: Any) -> InvocationResult:
        pool = self._pool(function)
        with pool.slots:
            with self._lock:
                worker = pool.idle.pop() if pool.idle else None
            worker = worker or self._start(function)
            result = worker.invoke(_request_line(function, event), int(function.timeout))
            self._return(worker, function, pool)
        record_invocation(function, result.failed)
        self._deliver_log(function)
        return result

    def _return(self, worker: "_Worker", function: Any, pool: _Pool) -> None:
        """Return a worker to its pool; stop it if it is broken or the function was updated in the meantime."""
        with self._lock:
            if worker.alive and self._pools[function.function_name][1] is pool:
                pool.idle.append(worker)
                return
        worker.stop()

    def _pool(self, function: Any) -> _Pool:
        deployed = json.dumps([function.code_sha_256, function.handler, function.role, function.environment_vars])
        with self._lock:
            known = self._pools.get(function.function_name)
            if known is not None and known[0] == deployed:
                return known[1]
            for worker in known[1].idle if known else []:
                worker.stop()
            self._pools[function.function_name] = (deployed, _Pool())
            return self._pools[function.function_name][1]

    def _start(self, function: Any) -> "_Worker":
        log = self._log_of(function)
        log.parent.mkdir(parents=True, exist_ok=True)
        package = self._unpacked(function)
        folders = [str(package), str(self._image())]
        if link_native_packages(package, native := self._state / "functions" / "native"):
            folders.append(str(native))
        command = [sys.executable, "-I", "-S", str(_WORKER), str(lifeline()), function.handler, *folders]
        return _Worker(command, self._environment(function), log)

    def _log_of(self, function: Any) -> Path:
        return self._state / "logs" / "functions" / f"{function.function_name}.log"

    def _deliver_log(self, function: Any) -> None:
        """Deliver the log to the function's log group, if it has one. Every function also logs to its file."""
        if group := getattr(function, "log_group", ""):
            name = f"{function.function_name}/[{function.version}]local"
            stream = LogStream(function.role, function.region, group, name, LAMBDA_ACTIONS)
            self._logs.deliver(stream, self._log_of(function))

    def _environment(self, function: Any) -> dict[str, str]:
        temporary = self._state / "functions" / "tmp" / function.function_name  # /tmp of a function is its own
        temporary.mkdir(parents=True, exist_ok=True)
        return {
            "PATH": os.environ.get("PATH", ""),
            "TMPDIR": str(temporary),
            "LANG": "C.UTF-8",
            "TZ": ":UTC",
            "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
            "AWS_LAMBDA_FUNCTION_VERSION": str(function.version),
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(function.memory_size),
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{function.run_time}",
            **self._clients.role_environment(function.role, function.region),
            **{name: str(value) for name, value in function.environment_vars.items()},
        }

    def _unpacked(self, function: Any) -> Path:
        """Return the folder of the function's code, which functions with the same package share."""
        digest: str = function.code_digest.removeprefix("sha256:")
        folder = self._state / "functions" / "code" / digest[:16]
        with self._lock:
            if not folder.exists():
                _unpack(function.code_bytes, folder)
        return folder

    def _image(self) -> Path:
        folder = self._state / "functions" / "image"
        with self._lock:
            folder.mkdir(parents=True, exist_ok=True)
            for name in _IN_RUNTIME_IMAGE:
                _link_package(name, folder)
        return folder


def _unpack(code: bytes, folder: Path) -> None:
    """Unpack into a partial folder and rename it, so that a folder that exists is complete."""
    partial = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    with zipfile.ZipFile(io.BytesIO(code)) as archive:
        archive.extractall(partial)
    partial.rename(folder)


def _link_package(name: str, folder: Path) -> None:
    spec = find_spec(name)
    if spec is None or spec.origin is None:
        return
    origin = Path(spec.origin)
    source = origin.parent if origin.name == "__init__.py" else origin
    link = folder / source.name
    if link.is_symlink():
        link.unlink()
    link.symlink_to(source)


def _request_line(function: Any, event: Any) -> bytes:
    context = {
        "request_id": str(uuid.uuid4()),
        "function_name": function.function_name,
        "function_version": str(function.version),
        "arn": function.function_arn,
        "memory": int(function.memory_size),
        "timeout_seconds": int(function.timeout),
    }
    return json.dumps({"event": event, "context": context}).encode() + b"\n"


class _Worker:
    """A worker process, which serves one invocation at a time."""

    def __init__(self, command: list[str], environment: dict[str, str], log: Path) -> None:
        with log.open("ab") as stderr:
            self._process = subprocess.Popen(
                command,
                env=environment,
                cwd=log.parent,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                pass_fds=(lifeline(),),
                start_new_session=True,
            )
        self._log = log

    @property
    def alive(self) -> bool:
        return self._process.poll() is None

    def stop(self) -> None:
        """End the process."""
        kill_group(self._process)

    def invoke(self, request: bytes, timeout_seconds: int) -> InvocationResult:
        """Send one event and wait for the response, at most for the function's timeout."""
        deadline = time.monotonic() + timeout_seconds
        line = b""
        try:
            self._send(request)
            line = self._read_line(deadline)
        except BrokenPipeError:
            pass
        if line.endswith(b"\n"):
            return _ended(json.loads(line))
        timed_out = time.monotonic() >= deadline
        self.stop()
        return self._broken(timed_out, timeout_seconds)

    def _send(self, request: bytes) -> None:
        assert self._process.stdin is not None  # noqa: S101 - for the type checker: it was opened as a pipe
        self._process.stdin.write(request)
        self._process.stdin.flush()

    def _read_line(self, deadline: float) -> bytes:
        assert self._process.stdout is not None  # noqa: S101 - for the type checker: it was opened as a pipe
        descriptor, line = self._process.stdout.fileno(), b""
        with selectors.DefaultSelector() as selector:
            selector.register(descriptor, selectors.EVENT_READ)
            while not line.endswith(b"\n") and selector.select(max(0.0, deadline - time.monotonic())):
                part = os.read(descriptor, 1 << 20)
                if not part:
                    break
                line += part
        return line

    def _broken(self, timed_out: bool, timeout_seconds: int) -> InvocationResult:
        message = f"Task timed out after {timeout_seconds}.00 seconds" if timed_out else "Runtime exited with an error"
        kind = "Sandbox.Timedout" if timed_out else "Runtime.ExitError"
        with self._log.open("a") as log:
            print(message, file=log)
        return InvocationResult(json.dumps({"errorMessage": message, "errorType": kind}).encode(), failed=True)


def _ended(answer: dict[str, Any]) -> InvocationResult:
    if "error" in answer:
        return InvocationResult(json.dumps(answer["error"]).encode(), failed=True)
    return InvocationResult(json.dumps(answer["result"]).encode(), failed=False)

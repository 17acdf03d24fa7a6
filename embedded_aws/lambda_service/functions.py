"""Lambda's API: moto's, with invocations in the runtime and event source mappings that poll."""

import json
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from embedded_aws.clients import ACCOUNT_ID
from embedded_aws.iam.enforcement import Gate, refused_trust
from embedded_aws.iam.policies import Call
from embedded_aws.lambda_service.destinations import condition, destination_event, destinations
from embedded_aws.lambda_service.event_source import EventSource
from embedded_aws.lambda_service.function_urls import FunctionUrls
from embedded_aws.lambda_service.runtime import InvocationResult, LambdaRuntime, ThrottledError
from embedded_aws.moto_internals.lambda_service import InvalidParameterValueException, LambdaBackend
from embedded_aws.moto_internals.protocols import JsonRESTError
from embedded_aws.moto_internals.sqs import sqs_backends

_log = logging.getLogger(__name__)
_RETRIES = 2  # Lambda's own default
# AWS waits one minute before the first retry of an asynchronous invocation, and two before the second
_RETRY_PAUSE_SECONDS = 2.0


class TooManyRequestsError(JsonRESTError):  # type: ignore[misc]
    """AWS's answer to an invocation beyond the reserved concurrency."""

    code = 429

    def __init__(self, text: str) -> None:
        super().__init__("TooManyRequestsException", text)


class UrlExistsError(JsonRESTError):  # type: ignore[misc]
    """AWS's answer to a second function URL."""

    code = 409

    def __init__(self) -> None:
        super().__init__("ResourceConflictException", "The function already has a function URL")


class FunctionBackend(LambdaBackend):  # type: ignore[misc]
    """Functions of one region. They run in processes, and in containers with moto."""

    runtime: LambdaRuntime
    gate: Gate
    urls: FunctionUrls

    def __init__(self, region_name: str, account_id: str) -> None:
        super().__init__(region_name, account_id)
        self._sources: dict[str, EventSource] = {}
        self._asynchronous = ThreadPoolExecutor(max_workers=8)

    def create_function(self, spec: dict[str, Any]) -> Any:
        if refused := refused_trust(spec["Role"], "lambda.amazonaws.com", ""):
            raise InvalidParameterValueException(refused)
        function = super().create_function(spec)
        function.log_group = spec.get("LoggingConfig", {}).get("LogGroup", "")
        return function

    def update_function_configuration(self, function_name: str, qualifier: str, body: dict[str, Any]) -> Any:
        updated = super().update_function_configuration(function_name, qualifier, body)
        if "LoggingConfig" in body:
            self.get_function(function_name).log_group = body["LoggingConfig"].get("LogGroup", "")
        return updated

    def update_function_code(self, function_name: str, qualifier: str, body: dict[str, Any]) -> Any:
        updated = super().update_function_code(function_name, qualifier, body)
        if "Architectures" in body:
            self.get_function(function_name).architectures = body["Architectures"]
        return updated

    def publish_version(self, function_name: str, description: str = "") -> Any:
        latest = self.get_function(function_name)
        known = list(self.list_versions_by_function(latest.function_name))
        version = super().publish_version(function_name, description)
        if version not in known:  # moto reuses the number of a deleted version
            latest.versions_published = getattr(latest, "versions_published", 0) + 1
            version.set_version(latest.versions_published)
            self._lambdas._arns[version.function_arn] = version
        return version

    def number_versions_from(self, function_name: str, version: str) -> None:
        """Set the number of the next version: a restarted server publishes the same versions again."""
        self.get_function(function_name).versions_published = int(version) - 1

    def invoke(
        self, function_name: str, qualifier: str | None, body: Any, headers: Any, response_headers: dict[str, Any]
    ) -> bytes:
        event = json.loads(body or b"{}")
        function = self.get_function(function_name, qualifier)
        kind = headers.get("X-Amz-Invocation-Type", "RequestResponse")
        if kind == "Event":
            self.invoke_later(function, event)
        if kind != "RequestResponse":
            return b""
        try:
            result = self.runtime.invoke(function, event)
        except ThrottledError as error:
            raise TooManyRequestsError(str(error)) from error
        if result.failed:
            response_headers["x-amz-function-error"] = "Unhandled"
        return result.payload

    def invoke_now(self, function_arn: str, event: Any) -> InvocationResult:
        """Invoke a function, or a version of it, by name or ARN, and wait for the result."""
        return self.runtime.invoke(self.get_function(function_arn), event)

    def put_function_event_invoke_config(self, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
        function = self.get_function(function_name)
        for destination in destinations(config).values():
            if self.gate.check(function.role, [Call("lambda:InvokeFunction", destination)]):
                raise InvalidParameterValueException(
                    "The provided destination config is invalid: The function's execution role does not have "
                    f"permissions to call Invoke on {destination}"
                )
        function.event_invoke_config = []  # moto would go on answering with the first
        answer: dict[str, Any] = super().put_function_event_invoke_config(function_name, config)
        return answer

    def invoke_later(self, function: Any, event: Any) -> None:
        """Invoke a function in the background, with retries after a failure, and tell its destination of the end."""
        self._asynchronous.submit(self._invoke_with_retries, function, event)

    def _invoke_with_retries(self, function: Any, event: Any) -> None:
        configured = function.event_invoke_config[0].config if function.event_invoke_config else {}
        result: InvocationResult | None = None
        for attempt in range(configured.get("MaximumRetryAttempts", _RETRIES) + 1):
            if attempt:
                time.sleep(_RETRY_PAUSE_SECONDS * attempt)
            try:
                result = self.runtime.invoke(function, event)
            except Exception:
                _log.exception("%s could not be invoked", function.function_name)
            if result is not None and not result.failed:
                break
        if result is not None and (destination := destinations(configured).get(condition(result))):
            self._tell(destination, function, event, result)

    def _tell(self, destination: str, function: Any, event: Any, result: InvocationResult) -> None:
        """Invoke the destination with the function's role, which must allow it."""
        if refused := self.gate.check(function.role, [Call("lambda:InvokeFunction", destination)]):
            _log.error("the destination of %s is not told: %s", function.function_name, refused)
            return
        self.invoke_later(self.get_function(destination), destination_event(function, event, result))

    def delete_function(self, function_name: str, qualifier: str | None = None) -> None:
        if qualifier is None:
            self.urls.close(self.region_name, self.get_function(function_name).function_name)
        super().delete_function(function_name, qualifier)

    def add_permission(self, function_name: str, qualifier: str, raw: str) -> dict[str, Any]:
        added: dict[str, Any] = super().add_permission(function_name, qualifier, raw)
        _as_conditions(added)
        return added

    def create_function_url_config(self, name_or_arn: str, config: dict[str, Any]) -> Any:
        function = self.get_function(name_or_arn)
        if function.url_config is not None:
            raise UrlExistsError
        created = super().create_function_url_config(name_or_arn, config)
        name = function.function_name
        created.url = self.urls.open(self.region_name, name, lambda: self.get_function(name), self.runtime.invoke)
        return created

    def delete_function_url_config(self, name_or_arn: str) -> None:
        function = self.get_function(name_or_arn)
        super().delete_function_url_config(name_or_arn)
        self.urls.close(self.region_name, function.function_name)

    def create_event_source_mapping(self, spec: dict[str, Any]) -> Any:
        mapping = super().create_event_source_mapping(spec)
        queue = _queue(mapping)
        timeout = int(self.get_function(mapping.function_name).timeout)
        if int(queue.visibility_timeout) < timeout:
            self._event_source_mappings.pop(mapping.uuid)
            raise InvalidParameterValueException(
                f"Queue visibility timeout: {queue.visibility_timeout} seconds is less than "
                f"Function timeout: {timeout} seconds"
            )
        self._check_role(mapping, queue)
        queue.lambda_event_source_mappings.clear()  # otherwise moto delivers every message itself, one by one
        self._listen(mapping)
        return mapping

    def update_event_source_mapping(self, uuid: str, spec: dict[str, Any]) -> Any:
        mapping = super().update_event_source_mapping(uuid, spec)
        if source := self._sources.pop(uuid, None):  # a disabled mapping has none
            source.stop()
        self._listen(mapping)
        return mapping

    def delete_event_source_mapping(self, uuid: str) -> Any:
        if source := self._sources.pop(uuid, None):
            source.stop()
        return self._event_source_mappings.pop(uuid, None)

    def _check_role(self, mapping: Any, queue: Any) -> None:
        actions = [f"sqs:{name}" for name in ("ReceiveMessage", "DeleteMessage", "GetQueueAttributes")]
        calls = [Call(action, queue.queue_arn) for action in actions]
        if key := queue.kms_master_key_id:
            calls.append(Call("kms:Decrypt", key))
        if refused := self.gate.check(self.get_function(mapping.function_name).role, calls):
            self._event_source_mappings.pop(mapping.uuid)
            raise InvalidParameterValueException(refused)

    def _listen(self, mapping: Any) -> None:
        if not mapping.enabled:
            return
        source = EventSource(mapping, _queue(mapping), self.invoke_now)
        self._sources[mapping.uuid] = source
        threading.Thread(target=source.run, name=f"source {mapping.uuid}", daemon=True).start()


def _as_conditions(statement: dict[str, Any]) -> None:
    """Turn the two properties of AddPermission that moto leaves as they are into conditions, as GetPolicy shows them.

    Lambda Developer Guide, "Control access to Lambda function URLs".
    """
    conditions = statement.setdefault("Condition", {})
    if auth_type := statement.pop("FunctionUrlAuthType", None):
        conditions.setdefault("StringEquals", {})["lambda:FunctionUrlAuthType"] = auth_type
    if (via_url := statement.pop("InvokedViaFunctionUrl", None)) is not None:
        conditions.setdefault("Bool", {})["lambda:InvokedViaFunctionUrl"] = str(via_url).lower()
    if not conditions:
        del statement["Condition"]


def _queue(mapping: Any) -> Any:
    region, name = mapping.event_source_arn.split(":")[3], mapping.event_source_arn.split(":")[5]
    return sqs_backends[ACCOUNT_ID][region].get_queue(name)

"""What the embedded AWS takes from moto's internals, checked against the moto that is installed.

A new moto that renames or changes any of it fails here, with the name of what has changed.
"""

import ast
import importlib
import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest
from moto.awslambda import models as lambda_models
from moto.awslambda import policy as lambda_policy
from moto.cloudformation import models as cloudformation_models
from moto.cloudformation import responses as cloudformation_responses
from moto.cloudwatch import models as cloudwatch_models
from moto.core.base_backend import BackendDict
from moto.emrserverless import models as emr_models
from moto.emrserverless import urls as emr_urls
from moto.events import models as events_models
from moto.glue import models as glue_models
from moto.glue import urls as glue_urls
from moto.iam import models as iam_models
from moto.logs import models as logs_models
from moto.s3 import models as s3_models
from moto.s3 import notifications as s3_notifications
from moto.s3 import responses as s3_responses
from moto.scheduler import models as scheduler_models
from moto.sqs import models as sqs_models
from moto.sts import models as sts_models

from embedded_aws.cloudformation.backend import StackBackend
from embedded_aws.cloudformation.stacks import DeployedStack
from embedded_aws.cloudwatch.backend import CloudWatchBackend
from embedded_aws.emr_serverless.api import EmrResponse
from embedded_aws.emr_serverless.backend import EmrBackend
from embedded_aws.events.eventbridge import DeliveringRule
from embedded_aws.glue.catalog import CatalogBackend, LockingResponse
from embedded_aws.lambda_service.functions import FunctionBackend
from embedded_aws.moto_internals import TESTED_BELOW, TESTED_FROM, MotoVersionError, check_version
from embedded_aws.moto_internals.application import DomainDispatcherApplication
from embedded_aws.moto_internals.protocols import PROTOCOL_PARSERS, determine_request_protocol, get_service_router
from embedded_aws.repository import ROOT
from embedded_aws.s3.bucket_settings import SettingsBackend
from embedded_aws.s3.objects import ObjectBackend, OpenBucket, StoredKey
from embedded_aws.sqs.queues import QueueBackend, ServedQueue

# our class → the methods and properties of moto's class that it replaces
OVERRIDES: dict[type, str] = {
    DeployedStack: "parameter_list stack_parameters stack_resources exports outputs",
    StackBackend: "create_stack update_stack delete_stack create_change_set execute_change_set",
    CloudWatchBackend: "put_metric_data put_metric_alarm delete_alarms set_alarm_state",
    EmrResponse: "create_application update_application",
    EmrBackend: "create_application start_application stop_application update_application delete_application "
    "start_job_run cancel_job_run get_job_run list_job_runs",
    DeliveringRule: "send_to_targets",
    LockingResponse: "update_table",
    CatalogBackend: "create_database delete_database create_table update_table delete_table",
    FunctionBackend: "create_function update_function_configuration update_function_code publish_version invoke "
    "delete_function add_permission create_function_url_config delete_function_url_config "
    "create_event_source_mapping update_event_source_mapping delete_event_source_mapping "
    "put_function_event_invoke_config",
    SettingsBackend: "put_bucket_notification_configuration put_bucket_policy put_bucket_encryption "
    "put_bucket_lifecycle_configuration put_bucket_versioning put_public_access_block put_bucket_logging delete_bucket",
    ObjectBackend: "url_paths create_bucket delete_bucket put_object delete_object",
    StoredKey: "set_metadata",
    OpenBucket: "get_permission",
    QueueBackend: "purge_queue delete_queue",
    ServedQueue: "add_message delete_message",
}
# moto's class → the attributes and methods that we use
MEMBERS: dict[type, str] = {
    lambda_models.LambdaBackend: "_lambdas _event_source_mappings get_function list_versions_by_function",
    lambda_models.LambdaStorage: "_arns",
    lambda_models.LambdaFunction: "code_sha_256 code_digest code_bytes handler role environment_vars function_name "
    "function_arn region version memory_size run_time timeout architectures set_version "
    "reserved_concurrency url_config policy event_invoke_config",
    lambda_models.EventInvokeConfig: "config",
    lambda_models.FunctionUrlConfig: "config url",
    lambda_policy.Policy: "statements",
    DomainDispatcherApplication: "get_backend_for_host",
    lambda_models.EventSourceMapping: "uuid function_name batch_size max_batch_window function_response_types region "
    "scaling_config enabled event_source_arn",
    cloudformation_models.CloudFormationBackend: "stacks deleted_stacks change_sets get_stack describe_change_set "
    "describe_stack_events",
    cloudformation_responses.CloudFormationResponse: "cloudformation_backend _get_param describe_stack_events",
    cloudwatch_models.CloudWatchBackend: "alarms metric_data",
    cloudwatch_models.Alarm: "name description namespace metric_name dimensions statistic unit period rule "
    "extended_statistic threshold_metric_id threshold comparison_operator evaluation_periods datapoints_to_alarm "
    "treat_missing_data metric_data_queries state_value state_reason state_reason_data state_updated_timestamp "
    "configuration_updated_timestamp history update_state ok_actions alarm_actions insufficient_data_actions "
    "actions_enabled region_name alarm_arn",
    cloudwatch_models.MetricDataQuery: "id label return_data expression metric_stat",
    cloudwatch_models.MetricStat: "metric period stat unit",
    cloudwatch_models.Metric: "metric_name namespace dimensions",
    cloudwatch_models.Dimension: "name value",
    cloudwatch_models.MetricDatum: "timestamp",
    emr_models.EMRServerlessBackend: "applications job_runs get_application",
    emr_models.Application: "id arn state type release_label maximum_capacity",
    emr_models.JobRun: "id arn state state_details created_at updated_at created_by application_id client_token "
    "execution_role_arn execution_timeout_minutes job_driver configuration_overrides release_label",
    events_models.EventsBackend: "put_events describe_event_bus",
    events_models.EventBus: "rules",
    events_models.EventPattern: "get_pattern matches_event",
    events_models.Rule: "name arn state targets event_pattern scheduled_expression region_name _send_to_sqs_queue",
    scheduler_models.EventBridgeSchedulerBackend: "schedule_groups",
    scheduler_models.ScheduleGroup: "schedules",
    scheduler_models.Schedule: "name arn state target schedule_expression",
    glue_models.GlueBackend: "get_table",
    glue_models.FakeDatabase: "input",
    glue_models.FakeTable: "name database_name versions _current_version",
    LockingResponse: "parameters glue_backend",
    iam_models.IAMBackend: "roles users",
    iam_models.Role: "arn name assume_role_policy_document policies managed_policies",
    iam_models.User: "arn name access_keys policies managed_policies",
    iam_models.AccessKey: "access_key_id",
    iam_models.ManagedPolicy: "versions default_version_id",
    iam_models.PolicyVersion: "version_id document",
    sts_models.AssumedRole: "role_arn session_name session_token",
    logs_models.LogsBackend: "groups",
    logs_models.LogGroup: "kms_key_id",
    s3_models.S3Backend: "buckets get_bucket account_id",
    s3_models.FakeBucket: "name keys encryption notification_configuration",
    s3_models.FakeKey: "name bucket_name version_id value etag size metadata storage_class set_storage_class "
    "last_modified last_modified_ISO8601",
    s3_models.FakeDeleteMarker: "name version_id last_modified_ISO8601",
    s3_notifications.S3NotificationEvent: "OBJECT_REMOVED_DELETE_EVENT OBJECT_REMOVED_DELETE_MARKER_CREATED_EVENT",
    s3_responses.S3Response: "_get_querystring request uri backend bucket_name data serialized list_object_versions",
    sqs_models.SQSBackend: "queues get_queue region_name",
    sqs_models.Queue: "name region queue_arn messages pending_messages deleted_messages _messages _messages_lock "
    "dead_letter_queue redrive_policy visibility_timeout kms_master_key_id lambda_event_source_mappings "
    "approximate_number_of_messages",
    sqs_models.Message: "id body body_md5 message_attributes system_attributes group_id deduplication_id sender_id "
    "sent_timestamp receipt_handle all_receipt_handles had_receipt_handle approximate_receive_count "
    "approximate_first_receive_timestamp",
}
VARIADIC = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
_APPLICATION = {
    "initial_capacity": None,
    "maximum_capacity": None,
    "tags": None,
    "auto_start_configuration": None,
    "auto_stop_configuration": None,
    "network_configuration": None,
}
_JOB_RUN = (
    *("application_id", "client_token", "execution_role_arn", "account_id", "region_name", "release_label"),
    *("application_type", "job_driver", "configuration_overrides", "tags", "network_configuration"),
    *("execution_timeout_minutes", "name"),
)
# moto's function or class, and how we call it
CALLS: list[tuple[Any, tuple[Any, ...], dict[str, Any]]] = [
    (cloudformation_models.Event, ("stack", "name", "logical", "physical", "type", "status", "reason", None), {}),
    (cloudformation_models.Change, ("Add", "Name", "Type"), {}),
    (cloudwatch_models.Alarm.update_state, ("self", "reason", "data", "OK"), {}),
    (emr_models.Application, ("name", "label", "SPARK", "token", "account", "region"), _APPLICATION),
    (emr_models.JobRun, (), dict.fromkeys(_JOB_RUN)),
    (events_models.EventsBackend.put_events, ("self", []), {}),
    (events_models.EventsBackend.describe_event_bus, ("self", "default"), {}),
    (glue_models.GlueBackend.create_table, ("self", "database", "table", {}), {}),
    (glue_models.GlueBackend.get_table, ("self", "database", "table"), {}),
    (lambda_models.LambdaBackend.get_function, ("self", "function", "qualifier"), {}),
    (s3_models.NotificationConfiguration, (), dict.fromkeys(("topic", "queue", "cloud_function", "event_bridge"))),
    (s3_models.S3Backend.create_bucket, ("self", "bucket", "region"), {}),
    (
        s3_models.S3Backend.put_object,
        ("self", "bucket", "key", b"body"),
        {"etag": "etag", "disable_notification": True},
    ),
    (s3_notifications.send_event, ("account", "event", "bucket", "key"), {}),
    (sqs_models.Message, ("id", "body", {}), {}),
    (sqs_models.Message.mark_received, ("self",), {"visibility_timeout": 30}),
    (sqs_models.SQSBackend.create_queue, ("self", "name"), {}),
    (sts_models.STSBackend.get_assumed_role_from_access_key, ("self", "key"), {}),
    (determine_request_protocol, ("model", "application/json"), {}),
    (get_service_router, ("s3",), {}),
]


def pairs(table: dict[type, str]) -> list[Any]:
    return [
        pytest.param(owner, name, id=f"{owner.__name__}.{name}")
        for owner, names in table.items()
        for name in names.split()
    ]


def motos(owner: type, name: str) -> Any:
    """The attribute `name` of the moto class that `owner` inherits it from; None if there is none."""
    bases = (one for one in owner.__mro__[1:] if one.__module__.startswith("moto."))
    return next((vars(one)[name] for one in bases if name in vars(one)), None)


@cache
def sources(owner: type) -> str:
    return "".join(inspect.getsource(one) for one in owner.__mro__ if one.__module__.startswith("moto."))


def members(owner: type) -> Iterator[str]:
    for one in owner.__mro__:
        yield from (*vars(one), *getattr(one, "__annotations__", {}))
    yield from re.findall(r"self\.(\w+)", sources(owner))


@pytest.mark.parametrize(("ours", "name"), pairs(OVERRIDES))
def test_what_we_override_exists_and_takes_what_moto_passes(ours: type, name: str) -> None:
    theirs = motos(ours, name)
    assert theirs is not None, f"moto has no {name} any more"
    if isinstance(theirs, property):
        assert isinstance(vars(ours)[name], property)
        return
    # moto's callers pass its parameters by position or by name
    passed = [one.name for one in inspect.signature(theirs).parameters.values() if one.kind not in VARIADIC]
    mine = inspect.signature(vars(ours)[name])
    mine.bind(**dict.fromkeys(passed))
    shared = [one for one in mine.parameters if one in passed]
    assert shared == passed[: len(shared)]


def test_every_override_is_listed() -> None:
    shadowed = {
        ours: {name for name in vars(ours) if not name.startswith("__") and motos(ours, name) is not None}
        - {"instances_tracked"}
        for ours in OVERRIDES
    }
    assert shadowed == {ours: set(names.split()) for ours, names in OVERRIDES.items()}


@pytest.mark.parametrize(("theirs", "name"), pairs(MEMBERS))
def test_what_we_use_of_a_class_is_there(theirs: type, name: str) -> None:
    assert name in set(members(theirs))


@pytest.mark.parametrize(("called", "positional", "named"), CALLS, ids=lambda one: getattr(one, "__qualname__", ""))
def test_what_we_call_takes_our_arguments(called: Any, positional: tuple[Any, ...], named: dict[str, Any]) -> None:
    inspect.signature(called).bind(*positional, **named)


@pytest.mark.parametrize("protocol", ["query", "json", "rest-json", "rest-xml"])
def test_there_is_a_parser_of_each_protocol(protocol: str) -> None:
    assert callable(PROTOCOL_PARSERS[protocol])


@pytest.mark.parametrize("urls", [emr_urls, glue_urls], ids=lambda module: module.__name__)
def test_the_urls_of_a_service_can_be_given_to_another_response(urls: Any) -> None:
    assert urls.url_paths
    assert all(callable(dispatch) for dispatch in urls.url_paths.values())


def test_a_backend_can_be_replaced_and_a_function_of_a_module_too() -> None:
    assert isinstance(s3_models.s3_backends, BackendDict)
    assert s3_models.s3_backends.backend.__module__ == "moto.s3.models"
    assert callable(cloudformation_responses.get_stack_from_s3_url)


def test_only_one_package_imports_moto() -> None:
    found = {
        path.relative_to(ROOT).parts[1]
        for folder in ("embedded_aws", "demo")
        for path in (ROOT / folder).rglob("*.py")
        for name in imports(ast.parse(path.read_text()))
        if name.split(".")[0] == "moto"
    }
    assert found == {"moto_internals"}


def imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (one.name for one in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""


@pytest.mark.parametrize("installed", ["5.1.9", TESTED_BELOW, "6.0.0", "5.2.4"])
def test_another_moto_is_refused_with_the_versions_that_were_tested(installed: str) -> None:
    with pytest.raises(MotoVersionError, match=rf"moto {installed} is installed.*>= {TESTED_FROM}, < {TESTED_BELOW}"):
        check_version(installed)


@pytest.mark.parametrize("installed", [TESTED_FROM, f"{TESTED_FROM}.dev1", "5.2.99"])
def test_a_moto_in_the_range_is_taken(installed: str) -> None:
    check_version(installed)


def test_the_pinned_moto_is_in_the_range() -> None:
    pinned = re.search(r"^moto\[server\]==(\S+)", (ROOT / "requirements/development.txt").read_text(), re.MULTILINE)
    assert pinned
    check_version(pinned[1])


def test_every_module_of_the_package_names_what_it_exports() -> None:
    for path in (ROOT / "embedded_aws" / "moto_internals").glob("*.py"):
        if path.stem not in ("__init__", "substitution"):
            module = importlib.import_module(f"embedded_aws.moto_internals.{path.stem}")
            assert all(hasattr(module, name) for name in module.__all__)

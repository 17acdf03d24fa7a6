"""The server: moto's APIs with our backends, and the local API under /_local/."""

import gc
import threading
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request

from embedded_aws.clients import ACCOUNT_ID, Clients
from embedded_aws.cloudformation import resource_types  # noqa: F401 - registers the resource types
from embedded_aws.cloudformation.backend import (
    StackBackend,
    continue_update_rollback,
    describe_stack_events,
    template_at,
)
from embedded_aws.cloudformation.registry import load_schemas
from embedded_aws.cloudformation.stack_store import StackStore
from embedded_aws.cloudwatch import backend as cloudwatch
from embedded_aws.cloudwatch.clock import Clock
from embedded_aws.cloudwatch.evaluator import AlarmEvaluator
from embedded_aws.emr_serverless.api import EmrResponse
from embedded_aws.emr_serverless.backend import EmrBackend
from embedded_aws.emr_serverless.spark_runs import SparkRuns
from embedded_aws.emr_serverless.store import EmrStore
from embedded_aws.events.eventbridge import DeliveringRule, publish
from embedded_aws.events.schedules import Schedules
from embedded_aws.glue.catalog import CatalogBackend, LockingResponse
from embedded_aws.iam.enforcement import Gate, signed_for
from embedded_aws.lambda_service.function_urls import FunctionUrls
from embedded_aws.lambda_service.functions import FunctionBackend
from embedded_aws.lambda_service.log_delivery import LogDelivery
from embedded_aws.lambda_service.runtime import LambdaRuntime
from embedded_aws.local_api import PREFIX, LocalApi
from embedded_aws.moto_internals import cloudformation as moto_cloudformation
from embedded_aws.moto_internals import cloudwatch as moto_cloudwatch
from embedded_aws.moto_internals import emr_serverless as moto_emr
from embedded_aws.moto_internals import events as moto_events
from embedded_aws.moto_internals import glue as moto_glue
from embedded_aws.moto_internals import lambda_service as moto_lambda
from embedded_aws.moto_internals import s3 as moto_s3
from embedded_aws.moto_internals import sqs as moto_sqs
from embedded_aws.moto_internals.application import create_dispatcher
from embedded_aws.request_checks.service_models import model_violation
from embedded_aws.request_handler import RequestHandler
from embedded_aws.s3.objects import ObjectBackend, OpenBucket, StoredKey
from embedded_aws.s3.version_listing import list_object_versions
from embedded_aws.sqs.queues import QueueBackend, ServedQueue, restore_messages
from embedded_aws.store import Store

WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class EmbeddedAws:
    """One server on one state folder."""

    def __init__(self, state: Path, host: str, port: int) -> None:
        self._state = state
        self._gate, self._clock = Gate(state / "calls.jsonl"), Clock()
        self._server: BaseWSGIServer = make_server(
            host, port, self._application(), threaded=True, request_handler=RequestHandler
        )
        self._host = host
        self._reachable = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - the user asks for it
        self.endpoint = f"http://{self._reachable}:{self._server.server_port}"

    def prepare(self) -> None:
        """Give our backends what they need, and put them in the place of moto's."""
        store, clients = Store(self._state / "state.sqlite"), Clients(self.endpoint)
        self._stacks, self._emr_store = StackStore(store), EmrStore(store)
        logs = LogDelivery(clients, self._gate, self._clock)
        self._schedules, self._alarms = Schedules(self._gate), AlarmEvaluator(self._clock, logs.wait)
        self._local_api = LocalApi(self._schedules, self._alarms)
        StackBackend.clients, StackBackend.store = clients, self._stacks
        FunctionBackend.runtime, FunctionBackend.gate = LambdaRuntime(self._state, clients, logs), self._gate
        FunctionBackend.urls = FunctionUrls(self._host, self._reachable, store, self._gate)
        EmrBackend.runner, EmrBackend.publish = SparkRuns(self._state, clients, logs), staticmethod(publish)
        EmrBackend.save = staticmethod(self._emr_store.save)
        ObjectBackend.store = ServedQueue.store = CatalogBackend.store = store
        ServedQueue.clock = self._clock
        backend = cloudwatch.CloudWatchBackend
        backend.clock, backend.clients, backend.store = self._clock, clients, store
        _install()

    def serve(self) -> None:
        """Serve in the background, because restoring needs this server; then start schedules and alarms."""
        threading.Thread(target=self._server.serve_forever, name="server", daemon=True).start()
        self._restore()
        self._schedules.start()
        self._alarms.start()
        threading.Thread(target=_load_what_stays, name="schemas", daemon=True).start()

    def _restore(self) -> None:
        """Restore what the last server on this state folder had."""
        moto_s3.s3_backends[ACCOUNT_ID]["aws"].restore()
        for region in CatalogBackend.regions():
            moto_glue.glue_backends[ACCOUNT_ID][region].restore()
        cloudwatch.restore_metrics()
        interrupted = self._emr_store.restore()
        for region in self._stacks.regions():
            moto_cloudformation.cloudformation_backends[ACCOUNT_ID][region].restore_stacks()
        restore_messages()
        for backend, job_run in interrupted:
            backend.enter(job_run, "FAILED", "The embedded AWS was stopped while the job was running")
            backend.stop_application(job_run.application_id)

    def _application(self) -> WSGI:
        services = create_dispatcher()

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"].startswith(PREFIX):
                return self._local_api.respond(Request(environ))(environ, start_response)
            if refused := self._gate.refusal(environ) or model_violation(environ, signed_for(environ)):
                return refused(environ, start_response)
            return services(environ, start_response)  # type: ignore[no-any-return]

        return application


def _load_what_stays() -> None:
    """Load the schemas, and let no collection of garbage look at what is there by now: it is large, and stays."""
    load_schemas()
    gc.freeze()


def _install() -> None:
    moto_s3.install(ObjectBackend, StoredKey, OpenBucket, list_object_versions)
    moto_sqs.install(QueueBackend, ServedQueue)
    moto_glue.install(CatalogBackend, LockingResponse)
    moto_events.install(DeliveringRule)
    moto_lambda.install(FunctionBackend)
    moto_emr.install(EmrBackend, EmrResponse)
    moto_cloudwatch.install(cloudwatch.CloudWatchBackend, cloudwatch.describe_alarms, cloudwatch.describe_alarm_history)
    moto_cloudformation.install(
        StackBackend,
        template_at,
        continue_update_rollback=continue_update_rollback,
        describe_stack_events=describe_stack_events,
    )

"""The server: moto's APIs with our parts behind them, and a few addresses of our own under /_local/."""

import json
import logging
import threading
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from moto.awslambda.models import lambda_backends
from moto.cloudformation import responses as cloudformation_responses
from moto.cloudformation.models import cloudformation_backends
from moto.cloudwatch.models import cloudwatch_backends
from moto.cloudwatch.responses import CloudWatchResponse
from moto.emrserverless import urls as emr_urls
from moto.emrserverless.models import emrserverless_backends
from moto.events import models as events_models
from moto.glue import urls as glue_urls
from moto.glue.models import glue_backends
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3 import models as s3_models
from moto.s3 import responses as s3_responses
from moto.sqs import models as sqs_models
from werkzeug.serving import BaseWSGIServer, make_server
from werkzeug.wrappers import Request, Response

from embedded_aws.clients import ACCOUNT_ID, Clients
from embedded_aws.cloudformation import (
    compute_types,  # noqa: F401 - each registers its resource types
    operation_types,  # noqa: F401 - each registers its resource types
    storage_types,  # noqa: F401 - each registers its resource types
)
from embedded_aws.cloudformation.backend import StackBackend, continue_update_rollback, template_at
from embedded_aws.cloudformation.custom_resources import RESPONSE_PATH, accept_response, response_to
from embedded_aws.cloudwatch import backend as cloudwatch
from embedded_aws.cloudwatch.clock import Clock
from embedded_aws.cloudwatch.evaluator import Evaluator
from embedded_aws.emr_serverless.api import EmrResponse
from embedded_aws.emr_serverless.backend import EmrBackend
from embedded_aws.emr_serverless.spark_runs import SparkRuns
from embedded_aws.emr_serverless.store import EmrStore
from embedded_aws.events.eventbridge import DeliveringRule, publish
from embedded_aws.events.schedules import Schedules
from embedded_aws.glue.catalog import CatalogBackend, LockingResponse
from embedded_aws.iam.enforcement import Gate, signed_for
from embedded_aws.lambda_service.functions import FunctionBackend
from embedded_aws.lambda_service.log_delivery import LogDelivery
from embedded_aws.lambda_service.runtime import LambdaRuntime
from embedded_aws.request_checks.service_models import broken_model
from embedded_aws.s3.objects import ObjectBackend, OpenBucket, StoredKey
from embedded_aws.s3.version_listing import list_object_versions
from embedded_aws.sqs.queues import QueueBackend, ServedQueue, restore_messages
from embedded_aws.store import StackStore, Store

_SPARK = Path(__file__).resolve().parent.parent / ".venv" / "spark"
_log = logging.getLogger(__name__)
WSGI = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class EmbeddedAws:
    """One server over one state folder."""

    def __init__(self, state: Path, host: str, port: int) -> None:
        self._state = state
        self._gate = Gate(state / "calls.jsonl")
        self._schedules, self._clock = Schedules(self._gate), Clock()
        self._server: BaseWSGIServer = make_server(
            host, port, self._application(), threaded=True, request_handler=MotoRequestHandler
        )
        reached = "127.0.0.1" if host == "0.0.0.0" else host  # noqa: S104 - asked for by name
        self.endpoint = f"http://{reached}:{self._server.server_port}"

    def prepare(self) -> None:
        """Put our parts in the places of moto's. Every substitution there is, is made here."""
        store, clients = Store(self._state / "state.sqlite"), Clients(self.endpoint)
        self._stacks, self._emr_store = StackStore(store), EmrStore(store)
        # stacks are really deployed; moto's skip what it does not know
        StackBackend.clients, StackBackend.store = clients, self._stacks
        _substitute(cloudformation_backends, StackBackend)
        # `sam deploy` names the template by an address of this server; moto understands amazonaws.com and localhost
        cloudformation_responses.get_stack_from_s3_url = template_at
        cloudformation_responses.CloudFormationResponse.continue_update_rollback = continue_update_rollback
        # functions run in processes; moto's need containers
        logs = LogDelivery(clients, self._gate, self._clock)
        FunctionBackend.runtime, FunctionBackend.gate = LambdaRuntime(self._state, clients, logs), self._gate
        _substitute(lambda_backends, FunctionBackend)
        # job runs are spark-submits; moto's succeed at once
        EmrBackend.runner, EmrBackend.publish = SparkRuns(self._state, _SPARK, clients, logs), staticmethod(publish)
        EmrBackend.save = staticmethod(self._emr_store.save)
        _substitute(emrserverless_backends, EmrBackend)
        for path in emr_urls.url_paths:
            emr_urls.url_paths[path] = EmrResponse.dispatch
        # objects, messages and tables outlive the process; UpdateTable honours VersionId
        ObjectBackend.store, ServedQueue.store, CatalogBackend.store = store, store, store
        ServedQueue.clock = self._clock
        _substitute(s3_models.s3_backends, ObjectBackend)
        s3_responses.S3Response.list_object_versions = list_object_versions
        _substitute(glue_backends, CatalogBackend)
        s3_models.FakeKey, s3_models.FakeBucket, sqs_models.Queue = StoredKey, OpenBucket, ServedQueue
        _substitute(sqs_models.sqs_backends, QueueBackend)
        for path in glue_urls.url_paths:
            glue_urls.url_paths[path] = LockingResponse.dispatch
        # rules deliver to functions
        events_models.Rule = DeliveringRule
        self._watch(store, clients, logs)

    def _watch(self, store: Store, clients: Clients, logs: LogDelivery) -> None:
        """Put our CloudWatch in the place of moto's, whose alarms stay as they were set."""
        backend = cloudwatch.CloudWatchBackend
        backend.clock, backend.clients, backend.store = self._clock, clients, store
        _substitute(cloudwatch_backends, backend)
        CloudWatchResponse.describe_alarms = cloudwatch.describe_alarms
        CloudWatchResponse.describe_alarm_history = cloudwatch.describe_alarm_history
        self._alarms = Evaluator(self._clock, logs.wait)

    def _restore(self) -> None:
        """Bring back what the last server on this state folder had. The server must already answer."""
        s3_models.s3_backends[ACCOUNT_ID]["aws"].restore()
        for region in CatalogBackend.regions():
            glue_backends[ACCOUNT_ID][region].restore()
        cloudwatch.restore_metrics()
        interrupted = self._emr_store.restore()
        for region in self._stacks.regions():
            cloudformation_backends[ACCOUNT_ID][region].restore_stacks()
        restore_messages()
        for backend, job_run in interrupted:
            backend.enter(job_run, "FAILED", "The embedded AWS was stopped while the job was running")
            backend.stop_application(job_run.application_id)

    def serve(self) -> None:
        """Answer in the background, so that the restoring can speak to this server; then start the clock."""
        threading.Thread(target=self._server.serve_forever, name="server", daemon=True).start()
        self._restore()
        self._schedules.start()
        self._alarms.start()

    def _application(self) -> WSGI:
        moto = DomainDispatcherApplication(create_backend_app)

        def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
            if environ["PATH_INFO"].startswith("/_local/"):
                return self._own(Request(environ))(environ, start_response)
            if refused := self._gate.refusal(environ) or broken_model(environ, signed_for(environ)):
                return refused(environ, start_response)
            return moto(environ, start_response)  # type: ignore[no-any-return]

        return application

    def _own(self, request: Request) -> Response:
        if request.path.startswith(RESPONSE_PATH):
            if request.method == "GET":
                return Response(json.dumps(response_to(request.path)), mimetype="application/json")
            accept_response(request.path, request.get_data())
            return Response(status=200)
        parts = request.path.split("/")
        if parts[2] == "schedules" and parts[-1] == "fire":
            fired = self._schedules.fire(parts[3])
            return Response(json.dumps({"fired": fired}), status=200 if fired else 404, mimetype="application/json")
        if request.path == "/_local/alarms/evaluate":
            return self._evaluated(request.args.get("at"))
        return Response("ready" if request.path == "/_local/ready" else "", status=200)

    def _evaluated(self, at: str | None) -> Response:
        """Evaluate the alarms, at a later moment if one is given: the clock of CloudWatch goes on from there."""
        try:
            moment, states = self._alarms.evaluate(datetime.fromisoformat(at).astimezone(UTC) if at else None)
        except ValueError as error:
            return Response(json.dumps({"error": str(error)}), status=400, mimetype="application/json")
        return Response(json.dumps({"at": moment.isoformat(), "alarms": states}), mimetype="application/json")


def _substitute(backends: Any, ours: type) -> None:
    """Let moto make our class where it makes its own; it finds a service's addresses by the name of the module."""
    ours.__module__ = backends.backend.__module__
    backends.backend = ours

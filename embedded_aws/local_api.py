"""The local API, which AWS does not have: responses of custom resources, firing schedules, evaluating alarms."""

import json
from datetime import UTC, datetime

from werkzeug.wrappers import Request, Response

from embedded_aws.cloudformation.custom_resources import RESPONSE_PATH, accept_response, response_to
from embedded_aws.cloudwatch.evaluator import AlarmEvaluator
from embedded_aws.events.schedules import Schedules

PREFIX = "/_local/"


class LocalApi:
    """Responds to requests under /_local/."""

    def __init__(self, schedules: Schedules, alarms: AlarmEvaluator) -> None:
        self._schedules = schedules
        self._alarms = alarms

    def respond(self, request: Request) -> Response:
        """Return the response to a request."""
        if request.path.startswith(RESPONSE_PATH):
            if request.method == "GET":
                return _json(response_to(request.path))
            accept_response(request.path, request.get_data())
            return Response(status=200)
        parts = request.path.split("/")
        if parts[2] == "schedules" and parts[-1] == "fire":
            fired = self._schedules.fire(parts[3])
            return _json({"fired": fired}, 200 if fired else 404)
        if request.path == f"{PREFIX}alarms/evaluate":
            return self._evaluate_alarms(request.args.get("at"))
        return Response("ready" if request.path == f"{PREFIX}ready" else "", status=200)

    def _evaluate_alarms(self, at: str | None) -> Response:
        """Evaluate the alarms, after setting CloudWatch's clock forward to `at` if it is given."""
        try:
            moment, states = self._alarms.evaluate(datetime.fromisoformat(at).astimezone(UTC) if at else None)
        except ValueError as error:
            return _json({"error": str(error)}, 400)
        return _json({"at": moment.isoformat(), "alarms": states})


def _json(body: object, status: int = 200) -> Response:
    return Response(json.dumps(body), status=status, mimetype="application/json")

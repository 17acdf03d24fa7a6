"""moto's parsers of AWS's protocols, and the results and errors that it serialises in them."""

from moto.core.exceptions import JsonRESTError
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request as ProtocolRequest
from moto.core.request import determine_request_protocol
from moto.core.responses import ActionResult, EmptyResult
from moto.core.routing import get_service_router
from moto.core.utils import get_service_model, utcfromtimestamp, utcnow

__all__ = [
    "PROTOCOL_PARSERS",
    "ActionResult",
    "EmptyResult",
    "JsonRESTError",
    "ProtocolRequest",
    "determine_request_protocol",
    "get_service_model",
    "get_service_router",
    "utcfromtimestamp",
    "utcnow",
]

"""What the function answers: an identification, or an error with the status that HTTP has for it."""

import base64
import binascii
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from pomona.identify.deployed import DeployedResults, NoResultsError
from pomona.imaging.errors import ImageError

CANDIDATES, NEAREST = 5, 8


class BadRequestError(Exception):
    """The event is none that the function takes."""


@dataclass(frozen=True)
class ErrorAnswer:
    """The reason in one sentence, and its status.

    400  the event is none that the function takes
    422  the image cannot be read: the job would write the same reason into its row
    503  there are no results yet
    """

    status: int
    error: str

    def document(self) -> dict[str, Any]:
        """Return the answer as JSON has it."""
        return {"status": self.status, "error": self.error}


def answer(event: Mapping[str, Any], results: Callable[[], DeployedResults]) -> dict[str, Any]:
    """Return the answer to {"image": base64} as JSON has it."""
    try:
        body = _image(event)
        newest = results()
        found = newest.identifier.identify(body, CANDIDATES, NEAREST)
    except BadRequestError as error:
        return ErrorAnswer(400, str(error)).document()
    except ImageError as error:
        return ErrorAnswer(422, str(error)).document()
    except NoResultsError as error:
        return ErrorAnswer(503, str(error)).document()
    return found.document() | {"model": newest.model_document()}


def _image(event: Mapping[str, Any]) -> bytes:
    encoded = event.get("image") if isinstance(event, Mapping) else None
    if not isinstance(encoded, str):
        raise BadRequestError('the event must be {"image": the file in base64}')
    try:
        return base64.b64decode(encoded, validate=True)
    except binascii.Error:
        raise BadRequestError("image is not base64") from None

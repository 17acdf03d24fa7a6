"""What the function answers: an identification, or an error with the status that HTTP has for it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from pomona.errors import MisconfiguredError
from pomona.identify.deployed import DeployedResults, NoResultsError
from pomona.imaging.errors import ImageError
from pomona_contract.errors import FormatError
from pomona_identify.errors import ForbiddenError, RefusedError
from pomona_identify.images import ImagesBucket
from pomona_identify.questions import Question, SentImage
from pomona_intake.errors import TransientError
from pomona_intake.telemetry import logger

CANDIDATES, NEAREST = 5, 8
TRY_AGAIN = "The service is busy, or its results are being replaced: try again in some seconds."


@dataclass(frozen=True)
class ErrorAnswer:
    """The reason in one sentence, and its status.

    400, 403, 404, 413, 415  as in pomona_identify.errors
    422  the image cannot be read: the job would write the same reason into its row
    503  there are no results that this release can read, or a service is failing: `retry` tells the two apart
    """

    status: int
    error: str
    retry: bool = False
    """The same question may be answered in some seconds, without any change."""

    def document(self) -> dict[str, Any]:
        """Return the answer as JSON has it."""
        return {"status": self.status, "error": self.error, "retry": self.retry}


@dataclass(frozen=True)
class Identify:
    """Answers questions with the newest results.

    images  None if the function may not read the images bucket
    """

    results: Callable[[], DeployedResults]
    images: ImagesBucket | None

    def answer(self, ask: Callable[[], Question]) -> dict[str, Any]:
        """Return the answer to a question as JSON has it; `ask` may raise RefusedError."""
        try:
            return self._identified(ask())
        except RefusedError as error:
            return ErrorAnswer(error.status, str(error)).document()
        except ImageError as error:
            return ErrorAnswer(422, str(error)).document()
        except (NoResultsError, FormatError, MisconfiguredError) as error:
            return ErrorAnswer(503, str(error)).document()
        except TransientError as error:
            logger.warning("S3 did not answer, or the results were being replaced", extra={"details": str(error)})
            return ErrorAnswer(503, TRY_AGAIN, retry=True).document()

    def _identified(self, question: Question) -> dict[str, Any]:
        body = question.image.body if isinstance(question.image, SentImage) else self._images().read(question.image)
        newest = self.results()
        found = newest.identifier.identify(body, CANDIDATES, NEAREST)
        answered = found.document() | {"model": newest.model_document()}
        if question.thumbnails and self.images:
            made = self.images.thumbnails([one.key for one in found.nearest])
            pairs = zip(answered["nearest"], made, strict=True)
            answered["nearest"] = [one | {"thumbnail": thumbnail} for one, thumbnail in pairs]
        return answered

    def _images(self) -> ImagesBucket:
        if self.images is None:
            raise ForbiddenError("identify may read the images bucket only with IdentifyAccess iam or public")
        return self.images

"""From the bytes of an image to an answer: its class with a probability, the next candidates, the nearest images."""

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pomona.identify.neighbours import Neighbour, Neighbours
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits
from pomona.imaging.preprocessing import PreprocessedImage, PreprocessingSpec, preprocess
from pomona.inference import InferenceEngine
from pomona.projection import FittedModel, class_probabilities, project


@dataclass(frozen=True)
class Candidate:
    """A class that the image may have."""

    label: str
    probability: float


@dataclass(frozen=True)
class Identification:
    """What an image shows.

    candidates  the most probable classes, the first is the answer; none if the table has fewer than two labels
    nearest     the most similar images of the table; none without neighbours.npz
    """

    width: int
    """Of the image as displayed, in pixels."""
    height: int
    """Of the image as displayed, in pixels."""
    candidates: tuple[Candidate, ...]
    nearest: tuple[Neighbour, ...]

    def document(self) -> dict[str, Any]:
        """Return the answer as JSON has it; `label` and `probability` are the first candidate's, or null."""
        best = asdict(self.candidates[0]) if self.candidates else {"label": None, "probability": None}
        return best | asdict(self)


@dataclass(frozen=True, eq=False)
class Identifier:
    """Identifies images by the results of a refit, with the network that the results were fitted with."""

    model: FittedModel
    neighbours: Neighbours | None
    engine: InferenceEngine
    limits: Limits

    def identify(self, body: bytes, candidates: int, nearest: int) -> Identification:
        """Identify the image of a file.

        Args:
            body: content of the file, of any format that the job reads.
            candidates: how many classes to name at most.
            nearest: how many images to name at most.

        Raises:
            ImageError: the job would write an error row for this file; the text is the same.
        """
        image = self._preprocessed(body)
        features = self.engine.finite_features(image.pixels)
        return Identification(
            width=image.width,
            height=image.height,
            candidates=self._candidates(features, candidates),
            nearest=tuple(self.neighbours.nearest(project(features, self.model), nearest) if self.neighbours else ()),
        )

    def _preprocessed(self, body: bytes) -> PreprocessedImage:
        network = self.engine.backbone
        try:
            return preprocess(body, PreprocessingSpec(network.height, network.width, self.limits))
        except MemoryError:
            raise ImageError("too large to decode: there is not enough memory for it here") from None

    def _candidates(self, features: NDArray[np.float32], count: int) -> tuple[Candidate, ...]:
        if self.model.classifier is None:
            return ()
        (shares,) = class_probabilities(features[np.newaxis], self.model)
        best = np.argsort(-shares, kind="stable")[:count]
        return tuple(Candidate(self.model.classes[code], float(shares[code])) for code in best)

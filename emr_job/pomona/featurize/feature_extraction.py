"""Feature extraction: the bytes of one image become its features."""

from contextlib import suppress

import numpy as np
import numpy.typing as npt

from pomona.featurize.counters import TaskCounters
from pomona.imaging.careful.decoder import CarefulDecoder
from pomona.imaging.careful.process_limits import killed_after
from pomona.imaging.limits import Limits
from pomona.imaging.preprocessing import PreprocessedImage, PreprocessingSpec, preprocess
from pomona.inference import InferenceEngine


class FeatureExtractor:
    """Preprocesses images and runs the backbone on them.

    In careful mode every image is preprocessed in a child process. Otherwise only those are for which this process has
    not enough memory.
    """

    def __init__(self, engine: InferenceEngine, limits: Limits, counters: TaskCounters, *, is_careful: bool) -> None:
        self._engine = engine
        self._spec = PreprocessingSpec(engine.backbone.height, engine.backbone.width, limits)
        self._counters = counters
        self._is_careful = is_careful
        self._careful_decoder = CarefulDecoder(self._spec)

    def extract(self, body: bytes) -> tuple[PreprocessedImage, npt.NDArray[np.float32]]:
        """Return the preprocessed image and its features [output_width].

        Raises:
            ImageError: the image cannot be decoded or is above a limit, or the network gives no finite features for it.
        """
        image = self._preprocess(body)
        with self._counters.timing("inference"):
            features = self._engine.finite_features(image.pixels)
        return image, features

    def close(self) -> None:
        """End the child process."""
        self._careful_decoder.close()

    def _preprocess(self, body: bytes) -> PreprocessedImage:
        if not self._is_careful:
            with suppress(MemoryError), killed_after(self._spec.limits.decode_seconds):
                return preprocess(body, self._spec, self._counters.timing)
        self._counters.counts["careful"] += 1
        with self._counters.timing("decode"):
            return self._careful_decoder.preprocess(body)

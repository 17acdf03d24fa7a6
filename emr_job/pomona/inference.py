"""Inference: runs an exported backbone with LiteRT."""

import functools
from pathlib import Path

import numpy as np
import numpy.typing as npt

from pomona.backbone import ExportedBackbone, load_backbone
from pomona.imaging.errors import ImageError


class InferenceEngine:
    """Runs a backbone on one core, one image at a time.

    This is faster than larger batches, because each core has a Spark task of its own.
    """

    def __init__(self, backbone: ExportedBackbone) -> None:
        from ai_edge_litert.interpreter import Interpreter

        self.backbone = backbone
        self._interpreter = Interpreter(model_path=str(backbone.file), num_threads=1)
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def run(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features, float32 [output_width], of an image, uint8 [height, width, 3] RGB."""
        self._interpreter.set_tensor(self._input, image[np.newaxis])
        self._interpreter.invoke()
        features: npt.NDArray[np.float32] = self._interpreter.get_tensor(self._output)[0]
        return features

    def finite_features(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
        """Return the features as `run` does.

        Raises:
            ImageError: some of them are not finite.
        """
        features = self.run(image)
        if not np.isfinite(features).all():
            raise ImageError(f"{self.backbone.name} gives no finite features for this image")
        return features


@functools.cache
def cached_engine(name: str, folder: Path | None = None) -> InferenceEngine:
    """Return this process's engine for a backbone; Spark runs many tasks in one worker process, which load it once.

    Raises:
        MisconfiguredError: as by `load_backbone`.
    """
    return InferenceEngine(load_backbone(name, folder))

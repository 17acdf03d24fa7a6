"""Run an exported backbone with LiteRT, one image at a time on one thread, as the featurize job does."""

from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Engine:
    """A loaded `.tflite`: call it with uint8 [height, width, 3] RGB, get float32 [output_width]."""

    def __init__(self, graph: bytes | Path) -> None:
        content = graph.read_bytes() if isinstance(graph, Path) else graph
        self._interpreter = Interpreter(model_content=content, num_threads=1)
        self._interpreter.allocate_tensors()
        self.input: dict[str, Any] = self._interpreter.get_input_details()[0]
        self.output: dict[str, Any] = self._interpreter.get_output_details()[0]

    @property
    def side(self) -> int:
        """Height and width of the input, in pixels."""
        return int(self.input["shape"][1])

    def __call__(self, pixels: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self.input["index"], pixels[None])
        self._interpreter.invoke()
        return self._interpreter.get_tensor(self.output["index"])[0]

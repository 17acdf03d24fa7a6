"""Say what photographs show, on a device: NumPy, Pillow and LiteRT are all this needs, and two files of a stack.

python identify_on_device.py model.npz fruitnet.tflite PHOTOGRAPH...

For each photograph it prints the most probable class, its probability in per cent, and the name of the file.
"""

import sys
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter
from PIL import Image, ImageOps

DRAFT_MARGIN = 3  # a large JPEG is decoded at a fraction of its size, as the job does


class Network:
    """The network that the results were fitted with: pixels become features."""

    def __init__(self, file: str) -> None:
        self.interpreter = Interpreter(model_path=file)
        self.interpreter.allocate_tensors()
        self.input = self.interpreter.get_input_details()[0]
        self.output = self.interpreter.get_output_details()[0]

    def features(self, photograph: Path) -> np.ndarray:
        """Return the features [d] of an image file; the network itself scales the pixels."""
        _, height, width, _ = self.input["shape"]
        with Image.open(photograph) as image:
            image.draft(None, (DRAFT_MARGIN * int(width), DRAFT_MARGIN * int(height)))
            upright = ImageOps.exif_transpose(image.convert("RGB"))
        pixels = np.asarray(upright.resize((int(width), int(height)), Image.Resampling.BICUBIC))
        self.interpreter.set_tensor(self.input["index"], pixels[np.newaxis])
        self.interpreter.invoke()
        return self.interpreter.get_tensor(self.output["index"])[0]


def class_of(features: np.ndarray, model: dict[str, np.ndarray]) -> tuple[str, float]:
    """Return the most probable class of features [d], and its probability."""
    scores = model["class_weights"] @ features + model["class_bias"]
    shares = np.exp(scores - scores.max())
    best = int(shares.argmax())
    return str(model["classes"][best]), float(shares[best] / shares.sum())


def main(model_file: str, network_file: str, *photographs: str) -> None:
    """Print a line for each photograph."""
    network = Network(network_file)
    with np.load(model_file) as stored:
        if "classes" not in stored:
            sys.exit(f"{model_file} has no classes: the table had fewer than two labels")
        model = {name: stored[name] for name in ("classes", "class_weights", "class_bias")}
    for photograph in photographs:
        label, probability = class_of(network.features(Path(photograph)), model)
        print(f"{label}\t{100 * probability:.4f}\t{photograph}")


if __name__ == "__main__":
    main(*sys.argv[1:])

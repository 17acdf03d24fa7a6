"""Each network gets its pixels exactly as Keras's own `preprocess_input` would give them."""

import numpy as np
import pytest

from networks import keras, normalise
from registry import BACKBONES

NAMES = list(BACKBONES)
ROUNDING = 3e-7  # of the largest value: two float32 operations, in another order


def every_level() -> np.ndarray:
    """Return uint8 [1, 16, 16, 3] in which each channel takes each level once, in an order of its own."""
    rng = np.random.default_rng(7)
    return np.stack([rng.permutation(256).astype(np.uint8).reshape(16, 16) for _ in range(3)], axis=-1)[None]


@pytest.mark.parametrize("name", NAMES)
def test_the_graph_normalises_like_keras(name: str) -> None:
    # Given the part of the graph before the first layer
    backbone = BACKBONES[name]
    image = keras.Input((16, 16, 3), dtype="uint8")
    graph = keras.Model(image, normalise(image, backbone.preprocessing))
    # When both see every level in every channel
    pixels = every_level()
    ours = graph(pixels).numpy()
    theirs = getattr(keras.applications, backbone.module).preprocess_input(pixels.astype(np.float32))
    # Then they give the same numbers
    assert ours.dtype == np.float32
    assert np.abs(ours - theirs).max() <= ROUNDING * np.abs(theirs).max()

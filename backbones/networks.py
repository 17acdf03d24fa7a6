"""Build the registry's networks with Keras: the application's own layers, behind the normalisation they expect."""

from pathlib import Path

import numpy as np

from quiet import progress, without_chatter
from registry import Backbone, Preprocessing

with progress("starting TensorFlow"), without_chatter():
    import keras
    import tensorflow as tf

Model = keras.Model


class WeightsError(Exception):
    """The weights are not to be had, or are another network's; the message says which file to give."""


def build_base(backbone: Backbone, weights: str | None = None) -> Model:
    """Build the application without its classifier, average-pooled; `weights` is None (random) or "imagenet"."""
    application = getattr(keras.applications, backbone.application)
    shape = (backbone.side, backbone.side, 3)
    width = {} if backbone.alpha is None else {"alpha": backbone.alpha}
    return application(include_top=False, pooling="avg", input_shape=shape, weights=weights, **width)


def load_base(backbone: Backbone, weights: Path) -> Model:
    """Build the network with the weights of a no-top file (`.h5` or `.weights.h5`); raises WeightsError."""
    if not weights.is_file():
        raise WeightsError(f"there is no file {weights}; --weights takes {backbone.weights_file}")
    base = build_base(backbone)
    try:
        base.load_weights(weights)
    except Exception as error:  # Keras and h5py raise what they please for a file that does not fit
        raise WeightsError(
            f"{weights} does not hold the weights of {backbone.name} without its top; "
            f"--weights takes {backbone.weights_file}"
        ) from error
    return base


def fetch_base(backbone: Backbone) -> Model:
    """Build the network with Keras's ImageNet weights, fetched unless its cache has them; raises WeightsError."""
    wanted = f"give {backbone.weights_file} with --weights"
    if not backbone.fetched_by_keras:
        raise WeightsError(f"{wanted}: the training of {backbone.name} writes it (see backbones/README.md)")
    try:
        return build_base(backbone, weights="imagenet")
    except Exception as error:  # Keras wraps whatever stopped the download in a bare Exception
        raise WeightsError(f"Keras cannot fetch the weights of {backbone.name}; {wanted}") from error


def normalise(pixels: keras.KerasTensor, preprocessing: Preprocessing) -> keras.KerasTensor:
    """Add to the graph what turns RGB pixels of 0 to 255 into what the network was trained on."""
    if preprocessing.channels == "BGR":
        pixels = keras.ops.flip(keras.ops.cast(pixels, "float32"), axis=-1)
    return keras.layers.Rescaling(preprocessing.scale, np.float32(preprocessing.offset), name="normalise")(pixels)


def with_pixels(base: Model, backbone: Backbone) -> Model:
    """Wrap `base` so that it takes uint8 [1, side, side, 3] RGB and gives float32 [1, output_width]."""
    pixels = keras.Input(batch_shape=(1, backbone.side, backbone.side, 3), dtype="uint8", name="image")
    # named: Keras counts the models of a process, and the count would be in the file
    return keras.Model(pixels, base(normalise(pixels, backbone.preprocessing)), name=backbone.name)


def reference_features(base: Model, backbone: Backbone, pixels: np.ndarray) -> np.ndarray:
    """Return what Keras itself makes of uint8 `pixels` [n, side, side, 3]: `preprocess_input`, then `base`."""
    preprocess_input = getattr(keras.applications, backbone.module).preprocess_input
    return base.predict(preprocess_input(pixels.astype(np.float32)), batch_size=8, verbose=0)


def to_tflite(model: Model) -> bytes:
    """Convert to a LiteRT graph with float32 weights: smaller ones are not faithful to Keras."""
    return tf.lite.TFLiteConverter.from_keras_model(model).convert()

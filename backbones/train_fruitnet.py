"""Train fruitnet, the backbone that comes with the repository, from the Fruits-360 training archive, and export it.

    .venv/backbones/bin/python backbones/train_fruitnet.py TRAINING_TAR [--test TEST_TAR] [--output FOLDER]

MobileNetV2 (Sandler et al. 2018) of width 0.35 at 96 x 96 pixels, from random weights, with AdamW (Loshchilov and
Hutter 2019), a warm-up and a cosine decay. Seeds, sorted input and deterministic kernels: the same archive gives the
same weights on the same kind of processor with as many cores.
"""

import argparse
from pathlib import Path

import numpy as np

from augmentation import BATCH_SIZE, batches
from export import SAMPLES, export
from images import Labelled, archive_path, read_archive
from networks import Model, build_base, keras, normalise, tf
from quiet import progress
from registry import BACKBONES

SEED = 20181
EPOCHS = 12
PEAK_LEARNING_RATE = 2e-3
WEIGHT_DECAY = 0.01
# Keras gives MobileNetV2 a momentum of .999: after so few steps its statistics are half initial values.
RECOMPUTED_MOMENTUM = 0.95

FRUITNET = BACKBONES["fruitnet"]
HERE = Path(__file__).resolve().parent


class Progress(keras.callbacks.Callback):
    """One line an epoch, rewritten every few steps."""

    def on_train_batch_end(self, batch: int, logs: dict[str, float] | None = None) -> None:  # noqa: ARG002
        if batch % 5 == 0:
            print(f"\rstep {batch} of {self.params['steps']}", end=" ", flush=True)

    def on_epoch_end(self, epoch: int, logs: dict[str, float] | None = None) -> None:
        found = ", ".join(f"{name} {value:.4f}" for name, value in (logs or {}).items())
        print(f"\repoch {epoch + 1} of {EPOCHS}: {found}", flush=True)


def around(base: Model, training: bool | None = None) -> tuple[keras.KerasTensor, keras.KerasTensor]:
    """Return the input (float pixels of 0 to 255, any batch) and the output of `base` behind its normalisation."""
    pixels = keras.Input((FRUITNET.side, FRUITNET.side, 3))
    return pixels, base(normalise(pixels, FRUITNET.preprocessing), training=training)


def classifier(base: Model, classes: int) -> Model:
    """Put a classifier on `base`; it is thrown away after the training."""
    pixels, features = around(base)
    return Model(pixels, keras.layers.Dense(classes)(features))


def compiled(model: Model, steps: int) -> Model:
    """Give `model` its loss and an optimiser with a schedule of `steps` steps, of which the first epoch warms up."""
    warm_up = steps // EPOCHS
    rate = keras.optimizers.schedules.CosineDecay(
        1e-4, steps - warm_up, warmup_target=PEAK_LEARNING_RATE, warmup_steps=warm_up
    )
    loss = keras.losses.CategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=WEIGHT_DECAY), loss, metrics=["accuracy"])
    return model


def recompute_batch_norm(base: Model, pixels: np.ndarray) -> None:
    """Replace the moving statistics of `base` by those of one shuffled pass over `pixels` in training mode."""
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = RECOMPUTED_MOMENTUM
    model = Model(*around(base, training=True))
    forward = tf.function(lambda batch: model(batch, training=True))
    order = np.random.default_rng(SEED).permutation(len(pixels))
    for start in range(0, len(order) - BATCH_SIZE + 1, BATCH_SIZE):
        forward(tf.cast(pixels[order[start : start + BATCH_SIZE]], tf.float32))


def train(pixels: np.ndarray, labels: np.ndarray, classes: int) -> tuple[Model, Model]:
    """Train on uint8 `pixels` [n, side, side, 3]; return the backbone, and the classifier around it."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    base = build_base(FRUITNET)
    model = compiled(classifier(base, classes), EPOCHS * (len(pixels) // BATCH_SIZE))
    targets = np.eye(classes, dtype=np.float32)[labels]
    model.fit(batches(pixels, targets, SEED), epochs=EPOCHS, verbose=0, shuffle=False, callbacks=[Progress()])
    with progress("recomputing the batch normalisation"):
        recompute_batch_norm(base, pixels)
    return base, model


def accuracy(model: Model, data: Labelled) -> float:
    """Return the share of `data` that the classifier names rightly."""
    with progress("testing the classifier"):
        logits = model.predict(data.pixels(FRUITNET.side), batch_size=256, verbose=0)
    return float(np.mean(np.argmax(logits, axis=1) == data.labels))


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("training", type=archive_path, help="fruits-360-training.tar")
    parser.add_argument("--test", type=archive_path, help="fruits-360-test.tar: print the classifier's accuracy on it")
    parser.add_argument("--output", type=Path, default=HERE, help="folder to write fruitnet.tflite and .json to")
    return parser.parse_args()


def main() -> None:
    """Train, keep the weights with the exported files, export."""
    options = arguments()
    with progress("reading the archive"):
        data = read_archive(options.training)
        pixels = data.pixels(FRUITNET.side)
    base, model = train(pixels, data.labels, len(data.classes))
    weights = HERE / "exported" / FRUITNET.weights_file
    weights.parent.mkdir(exist_ok=True)
    base.save_weights(weights)
    if options.test:
        print(f"test accuracy {accuracy(model, read_archive(options.test)):.4f}")
    export(FRUITNET, base, SAMPLES, options.output)


if __name__ == "__main__":
    main()

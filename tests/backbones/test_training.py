"""Training is reproducible, and leaves batch normalisation with the statistics of the data."""

import numpy as np
import pytest

import augmentation
import train_fruitnet
from augmentation import batches
from export import SAMPLES
from images import read_folder
from networks import build_base, keras, tf

PIXELS = 24
IMAGES = 130
SAMPLED = 24
PASSES = 200


@pytest.fixture
def images() -> np.ndarray:
    return np.random.default_rng(11).integers(0, 256, (IMAGES, PIXELS, PIXELS, 3), dtype=np.uint8)


def test_batches_are_the_same_for_the_same_seed(images: np.ndarray) -> None:
    first, second = (list(batches(images, np.arange(IMAGES), seed=4)) for _ in range(2))
    assert len(first) == IMAGES // augmentation.BATCH_SIZE
    for (one, its_targets), (other, other_targets) in zip(first, second, strict=True):
        assert np.array_equal(one, other)
        assert np.array_equal(its_targets, other_targets)


def test_each_epoch_alters_the_images_anew(images: np.ndarray) -> None:
    data = batches(images, np.arange(IMAGES), seed=4)
    one, another = next(iter(data))[0].numpy(), next(iter(data))[0].numpy()
    assert not np.array_equal(one, another)
    assert one.min() >= 0
    assert one.max() <= 255


def test_recomputed_statistics_make_inference_agree_with_training(monkeypatch: pytest.MonkeyPatch) -> None:
    # Given a network whose moving statistics are the initial ones, and passes over few images in place of one over many
    monkeypatch.setattr(train_fruitnet, "BATCH_SIZE", SAMPLED)
    keras.utils.set_random_seed(2)
    base = build_base(train_fruitnet.FRUITNET)
    images = read_folder(SAMPLES, train_fruitnet.FRUITNET.side, at_most=SAMPLED)
    model = keras.Model(*train_fruitnet.around(base))
    batch = tf.constant(images, tf.float32)
    before = np.abs(model(batch) - model(batch, training=True)).mean()
    # When they are recomputed
    train_fruitnet.recompute_batch_norm(base, np.concatenate([images] * PASSES))
    # Then the network gives in inference nearly what it gives in training
    after = np.abs(model(batch) - model(batch, training=True)).mean()
    assert after < before / 3

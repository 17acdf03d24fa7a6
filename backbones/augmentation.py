"""Batches of training images, shuffled and altered anew in each epoch, the same ones for the same seed."""

import numpy as np

from networks import tf

BATCH_SIZE = 64
SHIFT_PIXELS = 4
CONTRAST = 0.1
BRIGHTNESS = 10.0  # of 255
WHITE = 255


def augment(image: "tf.Tensor", seed: "tf.Tensor") -> "tf.Tensor":
    """Mirror, shift by a few pixels and relight one uint8 image as `seed` (int64 [2]) says; gives float32, 0 to 255."""
    seeds = tf.random.split(seed, 5)
    around = [[SHIFT_PIXELS, SHIFT_PIXELS], [SHIFT_PIXELS, SHIFT_PIXELS], [0, 0]]
    padded = tf.pad(image, around, constant_values=WHITE)
    shifted = tf.image.stateless_random_crop(padded, tf.shape(image), seeds[0])
    mirrored = tf.image.stateless_random_flip_left_right(shifted, seeds[1])
    mirrored = tf.image.stateless_random_flip_up_down(mirrored, seeds[2])
    relit = tf.image.stateless_random_contrast(tf.cast(mirrored, tf.float32), 1 - CONTRAST, 1 + CONTRAST, seeds[3])
    return tf.clip_by_value(tf.image.stateless_random_brightness(relit, BRIGHTNESS, seeds[4]), 0.0, 255.0)


def batches(pixels: np.ndarray, targets: np.ndarray, seed: int) -> "tf.data.Dataset":
    """Yield one epoch of (float32 [b, side, side, 3], targets [b, …]); an incomplete batch is left out."""
    order = tf.data.Dataset.range(len(pixels)).shuffle(len(pixels), seed=seed, reshuffle_each_iteration=True)
    seeds = tf.data.Dataset.random(seed=seed, rerandomize_each_iteration=True).batch(2)
    images, wanted = tf.constant(pixels), tf.constant(targets)
    drawn = tf.data.Dataset.zip(order, seeds).map(
        lambda index, drawn_seed: (augment(images[index], drawn_seed), wanted[index]),
        num_parallel_calls=2,
        deterministic=True,
    )
    return drawn.batch(BATCH_SIZE, drop_remainder=True).prefetch(4)

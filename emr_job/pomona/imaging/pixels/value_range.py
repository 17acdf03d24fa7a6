"""Finds the values of a high-bit-depth image that are black and white. docs/images.md gives the reasons."""

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]

# A picture in a wider integer type has the bits of its sensor: 8, 10, 12, 14 or 16. Floats have no bit depth: libraries
# write them as 0…1, 0…255 or 0…65535.
INTEGER_WHITES = (255.0, 1023.0, 4095.0, 16383.0, 65535.0)
SIXTEEN_BITS = INTEGER_WHITES[-1]
FLOAT_WHITES = (1.0, 255.0, 65535.0)
# How libraries widen 8 bits: to 10, 12, 14 and 16 by a shift, to 16 by 257 so that white stays white, to floats 0…1.
INTEGER_STEPS = (257.0, 256.0, 64.0, 16.0, 4.0)
FLOAT_STEPS = (1 / 255,)
NEARLY_WHOLE = 1e-3
# Below a quarter of the full contrast a network takes different pictures for one: the median cosine of two different
# samples (fruitnet, black at 0) is .73 at full contrast, .86 at 1/2, .91 at 1/4, .96 at 1/6, .99 at 1/8.
SLIVER = 0.25
STRAYS = 0.001  # of the pixels, at each end, and at least one: hot and dead pixels
OVERSHOOT = 0.01  # of white: resampling with a bicubic filter leaves values slightly outside the range
LEVELS = 32  # an image of fewer distinct values may be a mask or a map of labels: its gaps say nothing
MOST_NO_DATA_VALUES = 4


def value_range(values: Values, whole_numbers: bool, largest: float = SIXTEEN_BITS) -> tuple[float, float]:
    """Return the values to show as black and as white; black < white.

    An 8-bit picture in a wider type keeps its own black and white. Otherwise black is 0 and white the smallest full
    scale that holds the values, unless they use only a sliver of that scale, or leave it: then their own range is
    stretched. Strays and no-data values are left out of the decision.

    Args:
        values: [n], finite, a sample of the image; may be empty.
        whole_numbers: True if the image's type is an integer.
        largest: the largest value of an integer type, and at most that of 16 bits: the last of the full scales.
    """
    if not values.size:
        return 0.0, 1.0
    values = _without_no_data(np.sort(values))
    integer_steps = tuple(step for step in INTEGER_STEPS if 255 * step <= largest)
    if step := _widened_by(values, integer_steps if whole_numbers else FLOAT_STEPS):
        return 0.0, 255 * step
    low, high = _robust_range(values)
    integer_whites = (*(white for white in INTEGER_WHITES if white < largest), largest)
    white = _full_scale(high, integer_whites if whole_numbers else FLOAT_WHITES)
    fills = low == high or high - low >= SLIVER * white
    if fills and -OVERSHOOT * white <= low and high <= white * (1 + OVERSHOOT):
        return 0.0, white
    return (low, high) if low < high else (min(low, 0.0), max(high, 1.0))


def largest_value(kind: str, bits: int) -> float:
    """Return the largest value of an integer type ("u" or "i" and its bits), and at most that of 16 bits."""
    return min(2.0 ** (bits - (kind == "i")) - 1, SIXTEEN_BITS)


def _without_no_data(ordered: Values) -> Values:
    """Leave out a least or greatest value that is farther from the others than these are from each other.

    Such a value (-9999, -3.4e38, 0 in a depth map, 65535) means "not measured".
    """
    for _ in range(MOST_NO_DATA_VALUES):
        above = ordered[np.searchsorted(ordered, ordered[0], "right") :]
        below = ordered[: np.searchsorted(ordered, ordered[-1], "left")]
        if _is_apart(ordered[0], above):
            ordered = above
        elif _is_apart(ordered[-1], below):
            ordered = below
    return ordered


def _is_apart(value: float, others: Values) -> bool:
    if not others.size:
        return False
    low, high = _robust_range(others)
    is_picture = value < 0 <= low or len(np.unique(others)) >= LEVELS
    return bool(max(low - value, value - high) > high - low > 0 and is_picture)


def _widened_by(ordered: Values, steps: tuple[float, ...]) -> float | None:
    """Return the step between the levels of an 8-bit picture that was stored in a wider type."""
    for step in steps:
        levels = ordered / step
        whole = np.rint(levels)
        if whole[0] >= 0 and whole[-1] <= 255 and (abs(levels - whole) < NEARLY_WHOLE).all():
            return step if len(np.unique(whole)) >= LEVELS else None
    return None


def _robust_range(ordered: Values) -> tuple[float, float]:
    """Return the range without the strays; with them if nothing else differs (a sparse image: stars, spots)."""
    strays = min(max(1, int(ordered.size * STRAYS)), (ordered.size - 1) // 2)
    low, high = ordered[strays], ordered[ordered.size - 1 - strays]
    return (float(low), float(high)) if low < high else (float(ordered[0]), float(ordered[-1]))


def _full_scale(high: float, whites: tuple[float, ...]) -> float:
    return next((white for white in whites if high <= white * (1 + OVERSHOOT)), whites[-1])

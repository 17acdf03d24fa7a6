"""Preprocessing: the bytes of an image file become the pixels that the network takes, within the limits of a run."""

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from pomona.imaging.decoding import decode, resize
from pomona.imaging.errors import ImageError
from pomona.imaging.limits import Limits


@dataclass(frozen=True)
class PreprocessingSpec:
    """The size that images are resized to, and the limits of decoding them."""

    height: int
    """Of the network's input, in pixels."""
    width: int
    """Of the network's input, in pixels."""
    limits: Limits

    def to_json(self) -> str:
        """Return the specification for the command line of another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Return the specification that `to_json` wrote."""
        fields = json.loads(text)
        return cls(limits=Limits(**fields.pop("limits")), **fields)


@dataclass(frozen=True)
class PreprocessedImage:
    """An image of the network's input size."""

    pixels: npt.NDArray[np.uint8]
    """[height, width, 3] RGB."""
    width: int
    """Of the full image as displayed, in pixels."""
    height: int
    """Of the full image as displayed, in pixels."""


def no_timing(_: str) -> AbstractContextManager[None]:
    """Return a context manager that measures nothing."""
    return nullcontext()


def preprocess(
    body: bytes, spec: PreprocessingSpec, timing: Callable[[str], AbstractContextManager[None]] = no_timing
) -> PreprocessedImage:
    """Decode and resize an image.

    Args:
        body: the image file.
        spec: the size and the limits.
        timing: gives the context manager that measures a step ("decode", "resize").

    Raises:
        ImageError: as by `decode`.
        MemoryError: the process has not enough memory for the image.
    """
    with timing("decode"):
        try:
            decoded = decode(body, spec.height, spec.width, spec.limits)
        except ImageError as error:
            if _is_out_of_memory(error):
                raise MemoryError from error
            raise
    with timing("resize"):
        return PreprocessedImage(resize(decoded.image, spec.height, spec.width), decoded.width, decoded.height)


def _is_out_of_memory(error: ImageError) -> bool:
    """Return True if the decoder failed for want of memory. Pillow's codecs report it as an OSError with this text."""
    return isinstance(error.__context__, MemoryError) or "out of memory" in str(error.__context__)

"""From the bytes of an image file to what the network and the row need, within the bounds of a run."""

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
class Preparation:
    """What a run's images are made into, and what this may take for one of them."""

    height: int
    width: int
    """Of the network's input, in pixels."""
    limits: Limits
    memory_bytes: int
    """Of memory, beyond what the process has at its start."""
    seconds: float

    def to_json(self) -> str:
        """Return it for the command line of another process."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        return cls(limits=Limits(**fields.pop("limits")), **fields)


@dataclass(frozen=True)
class PreparedImage:
    """`pixels` are uint8 [height, width, 3] RGB of the network's size, the other two the full image's as displayed."""

    pixels: npt.NDArray[np.uint8]
    width: int
    height: int


def no_timing(_: str) -> AbstractContextManager[None]:
    """Time nothing."""
    return nullcontext()


def prepare(
    body: bytes, wanted: Preparation, timing: Callable[[str], AbstractContextManager[None]] = no_timing
) -> PreparedImage:
    """Return the image as the network takes it. ImageError as by `decode`; MemoryError if there is not enough of it."""
    with timing("decode"):
        try:
            decoded = decode(body, wanted.height, wanted.width, wanted.limits)
        except ImageError as error:
            if _is_out_of_memory(error):
                raise MemoryError from error
            raise
    with timing("resize"):
        return PreparedImage(resize(decoded.image, wanted.height, wanted.width), decoded.width, decoded.height)


def _is_out_of_memory(error: ImageError) -> bool:
    """Whether the decoder failed for want of memory. Pillow's codecs tell it by an OSError with this text."""
    return isinstance(error.__context__, MemoryError) or "out of memory" in str(error.__context__)

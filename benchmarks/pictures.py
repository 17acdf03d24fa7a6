"""The images that are measured: real ones of a tar, or generated ones that look like photographs to a JPEG decoder."""

import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from benchmarks.cloud import Object
from benchmarks.places import BenchError

SMALL = 100  # pixels, height and width, as those of Fruits-360
PHONE = (4000, 3000)  # 12 megapixels
QUALITY = 85
SUFFIXES = {".jpg", ".jpeg", ".png"}
SEED = 20240229
Pixels = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Pictures:
    """Where images come from: a tar, a folder, or None for generated ones."""

    source: Path | None = None

    def __str__(self) -> str:
        return self.source.name if self.source else "generated"

    def objects(self, count: int, folder: str = "images") -> Iterator[Object]:
        """`count` different small images, under keys below the folder; their order does not depend on `count`."""
        given = 0
        for name, body in islice(members(self.source) if self.source else _generated(), count):
            yield f"{folder}/{name}", body
            given += 1
        if given < count:
            raise BenchError(f"{self.source} has {given} images and {count} are needed: name a larger one in IMAGES=")

    def repeated(self, count: int, folder: str = "images") -> Iterator[Object]:
        """`count` small images; where there are fewer, the same ones follow again under other keys."""
        given = 0
        while given < count:
            again = f"{folder}/again-{given}" if given else folder
            before = given
            for name, body in islice(members(self.source) if self.source else _generated(), count - given):
                yield f"{again}/{name}", body
                given += 1
            if given == before:
                raise BenchError(f"{self.source} has no images")

    def photographs(self, count: int) -> Iterator[bytes]:
        """Photographs of 12 megapixels as phones take them: enlarged real images with the grain of a sensor, or noise.

        No archive of such photographs can be taken for granted; what a decoder's time depends on is their size and
        how much detail survives the compression: these have 5 MB, as phones' do where much detail is in the picture.
        """
        for number in range(count):
            yield picture(np.random.default_rng((SEED, 12, number)), *PHONE)


def picture(random: np.random.Generator, width: int, height: int) -> bytes:
    """A JPEG of so many pixels with the statistics of a natural scene."""
    return _jpeg(_natural(random, width, height, contrast=45.0))


def members(source: Path) -> Iterator[Object]:
    """Yield the images of a tar or folder, by their names."""
    if source.is_dir():
        files = (path for path in sorted(source.rglob("*")) if path.suffix.lower() in SUFFIXES)
        yield from ((path.relative_to(source).as_posix(), path.read_bytes()) for path in files)
        return
    with tarfile.open(source) as archive:
        for member in archive:
            content = archive.extractfile(member) if Path(member.name).suffix.lower() in SUFFIXES else None
            if content is not None:
                yield member.name, content.read()


def _generated() -> Iterator[Object]:
    number = 0
    while True:
        yield f"class-{number % 20:02d}/{number:06d}.jpg", _jpeg(_fruit(np.random.default_rng((SEED, number))))
        number += 1


def _fruit(random: np.random.Generator) -> Pixels:
    """A textured ellipse on white, as Fruits-360 has them."""
    across, down = np.meshgrid(*(np.linspace(-1, 1, SMALL),) * 2)
    width, height = random.uniform(0.55, 0.98, 2)
    inside = (across / width) ** 2 + (down / height) ** 2 < 1
    pixels: Pixels = np.where(inside[..., None], _natural(random, SMALL, SMALL, contrast=35.0), 255).astype(np.uint8)
    return pixels


def _natural(random: np.random.Generator, width: int, height: int, contrast: float) -> Pixels:
    """Pixels [height, width, 3] whose amplitudes fall with the frequency, as those of natural scenes do.

    Source: D. J. Field, "Relations between the statistics of natural images and the response properties of cortical
    cells", Journal of the Optical Society of America A 4 (1987). The three colours share most of their structure.
    """
    light = _pink(random, width, height)
    colours = random.uniform(60, 200, 3)
    tint = _pink(random, width, height)
    grain = random.standard_normal((height, width), dtype=np.float32) * 1.0
    channels = [c + contrast * (light + s * tint) + grain for c, s in zip(colours, (0.3, 0.0, -0.3), strict=True)]
    pixels: Pixels = np.clip(np.stack(channels, axis=-1), 0, 255).astype(np.uint8)
    return pixels


def _pink(random: np.random.Generator, width: int, height: int) -> npt.NDArray[np.float32]:
    """A field [height, width] of unit variance with amplitude 1 / frequency."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None, :]).astype(np.float32)
    frequency[0, 0] = 1.0
    white = np.fft.rfft2(random.standard_normal((height, width), dtype=np.float32))
    white[0, 0] = 0.0
    field: npt.NDArray[np.float32] = np.fft.irfft2(white / frequency, s=(height, width)).astype(np.float32)
    field /= field.std()
    return field


def _jpeg(pixels: Pixels) -> bytes:
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, "JPEG", quality=QUALITY)
    return content.getvalue()

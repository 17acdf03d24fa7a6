"""The bands of a TIFF and their sample types, as its first directory describes them."""

import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL.TiffImagePlugin import ImageFileDirectory_v2

BIG = (b"+\0", b"\0+")  # BigTIFF
MAGIC = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC, ORIENTATION, BANDS, PLANAR = 256, 257, 258, 259, 262, 274, 277, 284
PREDICTOR, EXTRA_SAMPLES, SAMPLE_FORMAT, GDAL_NODATA = 317, 338, 339, 42113
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB = 0, 1, 2
CAMERA_DATA = (32803, 34892)  # a colour filter array, linear raw (TIFF/EP, DNG)
SEPARATE = 2
DIFFERENCES = 2  # of neighbours in a row, a predictor
UNSPECIFIED, PREMULTIPLIED_ALPHA, STRAIGHT_ALPHA = 0, 1, 2
# none, LZW, deflate, PackBits, deflate by its old number, LZMA, Zstandard: each gives back any samples, bit for bit
LOSSLESS = (1, 5, 8, 32773, 32946, 34925, 50000)
# that other programs write and this job's libtiff does not read
COMPRESSIONS = {
    34661: "JBIG", 34712: "JPEG 2000", 34887: "LERC", 34933: "PNG", 34934: "JPEG XR",
    50001: "WebP", 50002: "JPEG XL", 52546: "JPEG XL",
}  # fmt: skip
BITS_SHOWN = 8
KINDS = {1: "u", 2: "i", 3: "f"}
COLOUR_SPACES = {
    3: "a palette", 5: "CMYK", 6: "YCbCr", 8: "CIELab", 9: "ICCLab",
    32844: "LogL", 32845: "LogLuv",
}  # fmt: skip


@dataclass(frozen=True)
class TiffLayout:
    """The bands of a TIFF's first image."""

    width: int
    height: int
    bands: int
    bits: tuple[int, ...]
    """Of each band."""
    kind: str
    """u, i or f, as in NumPy; empty for any other, and for bands of different kinds."""
    photometric: int
    compression: int
    predictor: int
    planar: bool
    """True if each band is stored by itself (PlanarConfiguration 2)."""
    extra: tuple[int, ...]
    orientation: int
    no_data: float | None
    big_endian: bool
    big: bool
    """True for BigTIFF, whose offsets have 64 bits."""

    @property
    def sample_bits(self) -> int:
        """Return the bits of each sample; 0 if the bands differ."""
        return self.bits[0] if len(set(self.bits)) == 1 else 0

    @property
    def is_differenced(self) -> bool:
        """Return True if the samples of each plane are stored as differences of whole numbers."""
        return self.predictor == DIFFERENCES and self.kind != "f" and (self.planar or self.bands == 1)

    @property
    def bytes(self) -> int:
        """Return the size of all samples, in bytes."""
        return self.width * self.height * sum(self.bits) // 8

    def describe(self) -> str:
        """Return the layout in words, such as "5 bands of 16 bits"."""
        listed = ", ".join(map(str, self.bits[:BITS_SHOWN])) + ", …" * (len(self.bits) > BITS_SHOWN)
        bits = str(self.sample_bits) if self.sample_bits else listed
        words = f"{self.bands} band{'s' * (self.bands > 1)} of {bits} bit{'s' * (bits != '1')}"
        words += {"f": " (float)", "i": " (signed)"}.get(self.kind, "")
        words += f" in {COLOUR_SPACES[self.photometric]}" if self.photometric in COLOUR_SPACES else ""
        words += f" with predictor {self.predictor}" if self.predictor != 1 else ""
        words += " in planes" if self.planar else ""
        words += f" with compression {self.compression}" if self.compression not in LOSSLESS else ""
        words += f" ({COMPRESSIONS[self.compression]})" if self.compression in COMPRESSIONS else ""
        return words + " in a BigTIFF" * self.big


def read_tags(body: bytes) -> ImageFileDirectory_v2:
    """Return the tags of a TIFF's first image. Damaged tags raise an exception of any class."""
    tags = ImageFileDirectory_v2(body[:16] if body[2:4] in BIG else body[:8])
    stream = io.BytesIO(body)
    stream.seek(tags.next)
    tags.load(stream)
    return tags


def layout_of(tags: ImageFileDirectory_v2, body: bytes) -> TiffLayout:
    """Return the layout that the tags describe. Damaged tags raise an exception of any class."""
    bands = int(tags.get(BANDS, 1))
    bits = tuple(map(int, tags.get(BITS, (1,))))
    formats = set(tags.get(SAMPLE_FORMAT, (1,)))
    return TiffLayout(
        width=int(tags[WIDTH]),
        height=int(tags[HEIGHT]),
        bands=bands,
        bits=bits * bands if len(bits) == 1 else bits,
        kind=KINDS.get(formats.pop(), "") if len(formats) == 1 else "",
        photometric=int(tags.get(PHOTOMETRIC, WHITE_IS_ZERO)),
        compression=int(tags.get(COMPRESSION, 1)),
        predictor=int(tags.get(PREDICTOR, 1)),
        planar=bands > 1 and tags.get(PLANAR, 1) == SEPARATE,
        extra=tuple(map(int, tags.get(EXTRA_SAMPLES, ()))),
        orientation=int(tags.get(ORIENTATION, 1)),
        no_data=declared_no_data(tags),
        big_endian=body[:2] == b"MM",
        big=body[2:4] in BIG,
    )


def declared_no_data(tags: Mapping[int, Any]) -> float | None:
    """Return the no-data value of GDAL's tag; None if there is none."""
    try:
        return float(str(tags.get(GDAL_NODATA)).strip(" \0"))
    except ValueError:
        return None

"""Files that real buckets hold: unusual but readable images, and files that are no images whatever their names say."""

import io
import zlib

from numpy.random import Generator
from PIL import Image

from drawing import FRUITS, SIDE, draw

JPEG_QUALITY = 75
ORIENTATION = 0x0112
TURN_CLOCKWISE_TO_SHOW = 6


def jpeg(image: Image.Image, exif: Image.Exif | None = None) -> bytes:
    """Encode as JPEG."""
    encoded = io.BytesIO()
    image.save(encoded, "JPEG", quality=JPEG_QUALITY, exif=exif or Image.Exif())
    return encoded.getvalue()


def sixteen_bit_png(image: Image.Image) -> bytes:
    """Encode as grey PNG with 16 bits a pixel."""
    encoded = io.BytesIO()
    image.convert("L").convert("I").point(lambda value: value * 257).convert("I;16").save(encoded, "PNG")
    return encoded.getvalue()


def turned_by_exif(image: Image.Image) -> bytes:
    """Encode an upright picture lying on its side, as a phone does, with the orientation that puts it right."""
    exif = Image.Exif()
    exif[ORIENTATION] = TURN_CLOCKWISE_TO_SHOW
    upright = image.crop((10, 0, SIDE - 10, SIDE))  # not square: width and height change places
    return jpeg(upright.transpose(Image.Transpose.ROTATE_90), exif)


def corrupted_png() -> bytes:
    """Return a PNG whose header is right and whose compressed pixels are not."""
    header = SIDE.to_bytes(4) * 2 + bytes([8, 2, 0, 0, 0])
    no_deflate = b"\x78\x01" + b"\xff" * 400
    return b"\x89PNG\r\n\x1a\n" + _chunk(b"IHDR", header) + _chunk(b"IDAT", no_deflate) + _chunk(b"IEND", b"")


def _chunk(kind: bytes, content: bytes) -> bytes:
    return len(content).to_bytes(4) + kind + content + zlib.crc32(kind + content).to_bytes(4)


def readable(rng: Generator) -> dict[str, bytes]:
    """Return unusual images and names, by path: each becomes a row with features."""
    return {
        "apple/printed (CMYK).jpg": jpeg(draw(FRUITS["apple"], rng).convert("CMYK")),
        "banana/turned by EXIF.jpg": turned_by_exif(draw(FRUITS["banana"], rng)),
        "kiwi/half + half, 50% & #1.jpg": jpeg(draw(FRUITS["kiwi"], rng)),
        "orange/orangé d'été 橙子 🍊.jpg": jpeg(draw(FRUITS["orange"], rng)),
        "plum/16 bits.png": sixteen_bit_png(draw(FRUITS["plum"], rng)),
    }


def unreadable(rng: Generator) -> dict[str, bytes]:
    """Return what is no image, by path: each becomes a row with an error."""
    whole = jpeg(draw(FRUITS["apple"], rng))
    return {
        "broken/empty.jpg": b"",
        "broken/corrupted.png": corrupted_png(),
        "broken/from a phone.heic": b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(200),
        "broken/shopping list.jpg": b"apples\nbananas\nkiwis\n",
        "broken/truncated.jpg": whole[: len(whole) // 2],
    }

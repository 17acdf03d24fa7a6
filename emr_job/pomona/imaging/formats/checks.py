"""What is done with the bytes of an image file before a decoder sees them: limits, repairs, metadata taken out."""

from dataclasses import dataclass

from pomona.imaging.formats.bmp import check_bmp
from pomona.imaging.formats.gif import checked_gif
from pomona.imaging.formats.heif import checked_heif
from pomona.imaging.formats.jpeg import checked_jpeg
from pomona.imaging.formats.netpbm import checked_netpbm
from pomona.imaging.formats.png import checked_png
from pomona.imaging.formats.tiff import check_tiff
from pomona.imaging.formats.webp import check_webp
from pomona.imaging.limits import Limits


@dataclass(frozen=True)
class Decodable:
    """The bytes that a decoder gets, and the memory that it needs beside the image and them."""

    body: bytes
    decoder_bytes: int = 0


def decodable(name: str, body: bytes, limits: Limits) -> Decodable:
    """Return what is to be decoded of the file, whose format is `name`.

    Raises:
        ImageError: The file is above a limit that its header tells before a decoder opens it, or its end is missing.
    """
    match name:
        case "JPEG":
            return Decodable(*checked_jpeg(body, limits))
        case "PNG":
            return Decodable(checked_png(body))
        case "GIF":
            return Decodable(checked_gif(body))
        case "PPM":
            return Decodable(checked_netpbm(body, limits))
        case "WebP":
            return Decodable(body, check_webp(body, limits))
        case "TIFF":
            return Decodable(body, check_tiff(body, limits))
        case "BMP":
            check_bmp(body)
        case "HEIC" | "AVIF":
            return Decodable(checked_heif(name, body))
    return Decodable(body)

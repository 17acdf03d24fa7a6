"""What is done with the bytes of an image file before a decoder sees them: limits, repairs, metadata taken out."""

from dataclasses import dataclass

from pomona.bmp_file import check_bmp
from pomona.gif_file import checked_gif
from pomona.heif_file import checked_heif
from pomona.jpeg_file import checked_jpeg
from pomona.limits import Limits
from pomona.netpbm_file import checked_netpbm
from pomona.png_file import checked_png
from pomona.tiff_file import check_tiff
from pomona.webp_file import check_webp


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

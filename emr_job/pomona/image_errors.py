"""What is wrong with a file that is no image, or a broken one, in words for whoever uploaded it."""

import re
import string

from PIL import UnidentifiedImageError


class ImageError(Exception):
    """This object will not become features until somebody uploads another one. The text says why."""


RAW = "a raw camera file is not supported: export it as JPEG"
# CR2 (a TIFF as well), CR3, RAF, ORF, RW2, X3F, MRW; those that only their tags give away: pomona.images
RAW_MAGIC = re.compile(
    rb"II\*\x00.{4}CR\x02|.{4}ftypcrx |FUJIFILMCCD-RAW|II(RO|RS)|MMOR|IIU\x00|FOVb|\x00MRM", re.DOTALL
)
SUPPORTED = (
    (re.compile(rb"\xff\xd8\xff"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM.{12}", re.DOTALL), "BMP"),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "TIFF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WebP"),
    (re.compile(rb"P[1-6]\s"), "PPM"),
    (re.compile(rb".{4}ftypavi[fs]", re.DOTALL), "AVIF"),
)
UNSUPPORTED = (
    (re.compile(rb".{4}ftyp(hei|hev|mif1|msf1)", re.DOTALL), "HEIC is not supported: export it as JPEG"),
    (re.compile(rb"\x00\x00\x00\x0cJXL |\xff\x0a"), "JPEG XL is not supported: export it as JPEG"),
    (re.compile(rb"\x00\x00\x00\x0cjP {2}|\xff\x4f\xff\x51"), "JPEG 2000 is not supported: export it as JPEG"),
    (re.compile(rb"8BPS"), "a Photoshop file is not supported: export it as JPEG"),
    (re.compile(rb"\x00\x00[\x01\x02]\x00"), "an icon is not supported: export it as PNG"),
    (re.compile(rb"\s*(<\?xml.{0,1000}?)?<svg", re.DOTALL), "SVG is not supported: export it as PNG"),
    (re.compile(rb"%PDF"), "not an image: it is a PDF"),
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), "not an image: it is PostScript"),
    (re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE), "not an image: it is a web page"),
    (re.compile(rb"PK\x03\x04"), "not an image: it is a ZIP archive"),
    (re.compile(rb"\x1f\x8b"), "not an image: it is compressed with gzip"),
    (re.compile(rb".{4}ftyp", re.DOTALL), "not an image: it is a video"),
    (re.compile(rb"\x00{16}"), "not an image: it begins with zeros"),
)
CUT_SHORT = ("truncated", "unexpected end", "not enough data", "eof")
PLAIN = re.compile(r"[A-Za-z0-9 ,.:;()'/_-]{3,120}")


def explain(body: bytes, error: Exception) -> str:
    """One clause that says why `body` could not be decoded; `error` is what the decoder raised."""
    if not body:
        return "empty object"
    if RAW_MAGIC.match(body):
        return RAW
    for magic, name in SUPPORTED:
        if magic.match(body):
            return _damaged(name, error)
    for magic, reason in UNSUPPORTED:
        if magic.match(body):
            return reason
    return "not an image: it begins with text" if _is_text(body[:256]) else "not an image: unknown format"


def _damaged(name: str, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"too large to decode: this {name} needs more memory than there is"
    text = " ".join(str(error).split())
    if any(words in text.lower() for words in CUT_SHORT):
        return f"truncated: the file ends before the image does ({name})"
    if isinstance(error, UnidentifiedImageError) or not PLAIN.fullmatch(text):
        return f"damaged {name}: it cannot be decoded"
    return f"damaged {name}: {text}"


def _is_text(beginning: bytes) -> bool:
    text = beginning.decode("utf-8", errors="ignore")
    printable = sum(character.isprintable() or character in string.whitespace for character in text)
    return len(text.encode()) >= len(beginning) - 3 and printable == len(text)

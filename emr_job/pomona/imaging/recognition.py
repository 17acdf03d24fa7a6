"""Which format a file has, and why a file that cannot be decoded is refused. The first bytes decide, never the key."""

import re
import string

from PIL import UnidentifiedImageError

from pomona.imaging.errors import cut_short

RAW = "a raw camera file is not supported: export it as JPEG"
# CR2 (a TIFF as well), CR3, RAF, ORF, RW2, X3F, MRW. `decoding` recognises by their tags those that look like a TIFF.
RAW_MAGIC = re.compile(
    rb"II\*\x00.{4}CR\x02|.{4}ftypcrx |FUJIFILMCCD-RAW|II(RO|RS)|MMOR|IIU\x00|FOVb|\x00MRM", re.DOTALL
)
# MP4, QuickTime, 3GP; Matroska, WebM; AVI; MPEG program and transport streams; Ogg; Flash; Windows Media
VIDEO = re.compile(
    rb".{4}(ftyp|moov|mdat|wide)|\x1a\x45\xdf\xa3|RIFF.{4}AVI |\x00\x00\x01[\xba\xb3]|G.{187}G.{187}G|OggS|FLV\x01"
    rb"|\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    re.DOTALL,
)
SUPPORTED = (
    (re.compile(rb"\xff\xd8\xff(?!\xf7)"), "JPEG"),
    (re.compile(rb"\x89PNG\r\n\x1a\n"), "PNG"),
    (re.compile(rb"GIF8[79]a"), "GIF"),
    (re.compile(rb"BM.{12}", re.DOTALL), "BMP"),
    (re.compile(rb"II[*+]\x00|MM\x00[*+]"), "TIFF"),
    (re.compile(rb"RIFF.{4}WEBP", re.DOTALL), "WebP"),
    (re.compile(rb"P[1-6f]\s"), "PPM"),
    (re.compile(rb".{4}ftyp(avi[fs]|(mif1|msf1).{4}(.{4}){0,8}avi[fs])", re.DOTALL), "AVIF"),
    (re.compile(rb".{4}ftyp(hei[cxms]|hev[cxms]|mif1|msf1)", re.DOTALL), "HEIC"),
)
JPEG, PNG, CONVERT = "export it as JPEG", "export it as PNG", "convert it to JPEG or PNG"
JPEG_LS = f"JPEG-LS is not supported: {JPEG}"
UNSUPPORTED = (
    (re.compile(rb"\x00\x00\x00\x0cJXL |\xff\x0a"), f"JPEG XL is not supported: {JPEG}"),
    (re.compile(rb"\x00\x00\x00\x0cjP {2}|\xff\x4f\xff\x51"), f"JPEG 2000 is not supported: {JPEG}"),
    (re.compile(rb"II\xbc"), f"JPEG XR is not supported: {JPEG}"),
    (re.compile(rb"\xff\xd8\xff\xf7"), JPEG_LS),
    (re.compile(rb"8BPS"), f"a Photoshop file is not supported: {JPEG}"),
    (re.compile(rb"gimp xcf"), f"a GIMP file is not supported: {JPEG}"),
    (re.compile(rb".{128}DICM", re.DOTALL), f"DICOM is not supported: {PNG}"),
    (re.compile(rb"\x00\x00[\x01\x02]\x00(?!\x00\x00)"), f"an icon is not supported: {PNG}"),
    (re.compile(rb"\x00\x00[\x02\x03\x0a\x0b]\x00\x00"), f"a Targa image is not supported: {PNG}"),
    (re.compile(rb"icns"), f"an icon is not supported: {PNG}"),
    (
        re.compile(
            rb"(\xef\xbb\xbf)?\s*(<\?xml.{0,200}\?>|<!--.{0,2000}?-->|<!DOCTYPE svg.{0,2000}?>|\s)*<svg[\s>]", re.DOTALL
        ),
        f"SVG is not supported: {PNG}",
    ),
    (
        re.compile(rb"P[7F]\s|DDS |v/1\x01|#\?RADIANCE|#\?RGBE|qoif|\x59\xa6\x6a\x95|SIMPLE  ="),
        f"this image format is not supported: {CONVERT}",
    ),
    (
        re.compile(rb"\xd7\xcd\xc6\x9a|\x01\x00\x00\x00.{36} EMF", re.DOTALL),
        f"a Windows metafile is not supported: {PNG}",
    ),
    (re.compile(rb"AT&TFORM"), f"DjVu is not supported: {JPEG}"),
    (re.compile(rb".{0,1000}?%PDF-", re.DOTALL), f"PDF is not supported: {JPEG}, a file for each page"),
    (re.compile(rb"%!PS|\xc5\xd0\xd3\xc6"), f"PostScript is not supported: {PNG}"),
    (re.compile(rb"\s*<(!doctype html|html)", re.IGNORECASE), "not an image: it is a web page"),
    (re.compile(rb"PK\x03\x04"), "not an image: it is a ZIP archive"),
    (re.compile(rb"\x1f\x8b"), "not an image: it is compressed with gzip"),
    (re.compile(rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"), "not an image: it is an Office document or thumbnail store"),
    (VIDEO, "a video is not supported: export a frame of it as JPEG"),
    (re.compile(rb"\x00{16}"), "not an image: it begins with zeros"),
)
# what Pillow says of a file that may be whole
UNSUPPORTED_BY_DECODER = re.compile(
    r"unsupported (?:BMP )?|(?=unknown raw mode)|(?=.* not (?:yet )?supported)", re.IGNORECASE
)
CUT_SHORT = ("truncated", "unexpected end", "not enough data", "eof")
PLAIN = re.compile(r"[A-Za-z0-9 ,.:;()'/_-]{3,120}")


def explain(body: bytes, error: Exception) -> str:
    """Return one clause that says why `body` could not be decoded; `error` is what the decoder raised."""
    name = format_of(body)
    return _damaged(name, error) if name else _unsupported(body)


def format_of(body: bytes) -> str | None:
    """Return the name of the file's format; None if this job does not read it."""
    return next((name for magic, name in SUPPORTED if magic.match(body)), None)


def _unsupported(body: bytes) -> str:
    if not body:
        return "empty object"
    for magic, reason in UNSUPPORTED:
        if magic.match(body):
            return reason
    return "not an image: it begins with text" if _is_text(body[:256]) else "not an image: unknown format"


def _damaged(name: str, error: Exception) -> str:
    if isinstance(error, MemoryError):
        return f"too large to decode: this {name} needs more memory than there is"
    text = " ".join(str(error).split())
    if any(words in text.lower() for words in CUT_SHORT):
        return str(cut_short(name))
    if isinstance(error, UnidentifiedImageError) or not PLAIN.fullmatch(text):
        return f"damaged {name}: it cannot be decoded"
    if said := UNSUPPORTED_BY_DECODER.match(text):
        return f"unsupported {name}: {text[said.end() :]}: {CONVERT}"
    return f"damaged {name}: {text}"


def _is_text(beginning: bytes) -> bool:
    text = beginning.decode("utf-8", errors="ignore")
    printable = sum(character.isprintable() or character in string.whitespace for character in text)
    return len(text.encode()) >= len(beginning) - 3 and printable == len(text)

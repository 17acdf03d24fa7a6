"""A file is judged by its content: formats that are read, whatever the name says, and those that are not, by name."""

import base64
import io
import struct

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from pomona.imaging.decoding import decode
from pomona.imaging.errors import ImageError
from pomona.imaging.recognition import RAW
from tests.image_files import LIMITS, bmp, features, pixels, sample, saved

ORCHARD = Image.fromarray(sample("apple", "RGB"))


def reason(body: bytes) -> str:
    with pytest.raises(ImageError) as caught:
        decode(body, 96, 96, LIMITS)
    return str(caught.value)


def heic(image: Image.Image, **options: object) -> bytes:
    body = io.BytesIO()
    pillow_heif.from_pillow(image).save(body, format="HEIF", **options)
    return body.getvalue()


@pytest.mark.parametrize("options", [{}, {"chroma": 444}, {"quality": -1}], ids=str)
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_the_features_of_a_heic_are_those_of_the_picture(mode: str, options: dict[str, object]) -> None:
    image = ORCHARD.convert(mode)
    assert features(heic(image, **options)) @ features(saved(image, "PNG")) > 0.99


def test_a_heic_of_ten_bits_is_read() -> None:
    wide = (np.asarray(ORCHARD).astype(np.uint16) << 8).tobytes()
    file = pillow_heif.from_bytes(mode="RGB;16", size=ORCHARD.size, data=wide)
    body = io.BytesIO()
    file.save(body, quality=-1)
    assert features(body.getvalue()) @ features(saved(ORCHARD, "PNG")) > 0.99


def test_of_a_heic_with_several_pictures_the_primary_one_is_taken() -> None:
    file = pillow_heif.from_pillow(Image.new("RGB", ORCHARD.size, "blue"))
    file.add_from_pillow(ORCHARD)
    body = io.BytesIO()
    file.save(body, primary_index=1, quality=90)
    assert features(body.getvalue()) @ features(saved(ORCHARD, "PNG")) > 0.98


def test_a_transparent_heic_lies_over_white() -> None:
    image = Image.new("RGBA", (120, 90), (200, 0, 0, 0))
    image.paste((0, 128, 0, 255), (0, 0, 60, 90))
    found = pixels(heic(image, quality=-1, chroma=444))
    assert found[:, 80:].min() > 240
    assert np.abs(found[:, :40].astype(int) - (0, 128, 0)).max() < 12


@pytest.mark.parametrize("brand", [b"heic", b"heix", b"mif1", b"msf1"])
def test_a_heic_is_told_by_its_brands(brand: bytes) -> None:
    body = heic(ORCHARD)
    assert np.array_equal(pixels(body[:8] + brand + body[12:]), pixels(body))


def test_an_avif_that_calls_itself_mif1_is_read() -> None:
    body = saved(ORCHARD, "AVIF")
    assert np.array_equal(pixels(body[:8] + b"mif1" + body[12:]), pixels(body))


FILM = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + b"\0\0\0\x10moov" + bytes(8) + b"\0\0\x20\x08mdat" + bytes(8192)


@pytest.mark.parametrize("film", [FILM, b"\0\0\x20\x40mpvd" + FILM, bytes(500), b"SEFT" * 99])
def test_what_is_appended_to_a_heic_does_not_change_it(film: bytes) -> None:
    body = heic(ORCHARD)
    assert np.array_equal(pixels(body + film), pixels(body))


@pytest.mark.parametrize("kind", [b"unci", b"iovl", b"av01", b"j2k1", b"\0\0\0\0"])
def test_a_heic_of_items_that_no_phone_writes_is_refused(kind: bytes) -> None:
    body = heic(ORCHARD)
    items = body.index(b"iinf")
    said = reason(body[:items] + body[items:].replace(b"hvc1", kind, 1))
    assert said.startswith("unsupported HEIC: it holds items of type '")


def test_a_sequence_of_heif_is_named() -> None:
    body = heic(ORCHARD)
    assert reason(body + b"\0\0\0\x10moov" + bytes(8)).startswith("a sequence of HEIF is not supported")


def test_a_heic_with_exif_xmp_and_a_thumbnail_is_read() -> None:
    file = pillow_heif.from_pillow(ORCHARD)
    body = io.BytesIO()
    exif = Image.Exif()
    exif[0x010F] = "a camera"
    file.save(body, exif=exif.tobytes(), xmp=b"<x:xmpmeta/>", quality=90)
    assert features(body.getvalue()) @ features(saved(ORCHARD, "PNG")) > 0.98


@pytest.mark.parametrize("maximum", [1, 3, 15, 100, 254, 255])
@pytest.mark.parametrize("form", [2, 3, 5, 6])
def test_a_ppm_of_any_depth_is_scaled(form: int, maximum: int) -> None:
    bands = 3 if form in (3, 6) else 1
    values = np.random.default_rng(1).integers(0, maximum + 1, (9, 12, bands))
    data = values.astype(np.uint8).tobytes() if form > 3 else b" ".join(b"%d" % value for value in values.ravel())
    body = b"P%d # a comment\n12 # 12 wide\n9\n%d\n" % (form, maximum) + data
    wanted = np.broadcast_to(np.rint(values * (255 / maximum)), (9, 12, 3)).astype(np.uint8)
    assert np.array_equal(pixels(body), pixels(saved(Image.fromarray(wanted), "PNG")))


@pytest.mark.parametrize("maximum", [256, 1023, 60_000, 65_535])
def test_a_colour_ppm_of_sixteen_bits_is_scaled(maximum: int) -> None:
    values = np.random.default_rng(1).integers(0, maximum + 1, (9, 12, 3))
    wanted = np.rint(values * (255 / maximum)).astype(np.uint8)
    for body in (
        b"P6 12 9 %d\n" % maximum + values.astype(">u2").tobytes(),
        b"P3 12 9 %d\n" % maximum + b"\n# why\n".join(b"%d" % value for value in values.ravel()),
    ):
        assert np.abs(pixels(body).astype(int) - pixels(saved(Image.fromarray(wanted), "PNG"))).max() <= 1


def test_a_bitmap_is_black_where_it_has_ones() -> None:
    ones = np.random.default_rng(1).integers(0, 2, (9, 16))
    wanted = pixels(saved(Image.fromarray(((1 - ones) * 255).astype(np.uint8)), "PNG"))
    assert np.array_equal(pixels(b"P1 16 9\n" + bytes(ones.ravel().astype(np.uint8) + ord("0"))), wanted)
    assert np.array_equal(pixels(b"P4 16 9\n" + np.packbits(ones.astype(np.uint8), axis=1).tobytes()), wanted)


def test_a_text_of_too_few_numbers_is_truncated() -> None:
    assert reason(b"P3 12 9 255\n" + b"7 " * 100).startswith("truncated")


ISO = bytes(16)
XML = b'<?xml version="1.0" encoding="UTF-8"?>\n'


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG is not supported: export it as PNG"),
        (b"\xef\xbb\xbf" + XML + b"<!-- drawn by hand -->\n<svg>", "SVG is not supported: export it as PNG"),
        (
            XML + b'<!DOCTYPE svg PUBLIC "-//W3C//DTD SVG 1.1//EN" "svg11.dtd">\n<svg>',
            "SVG is not supported: export it as PNG",
        ),
        (b"%PDF-1.4\n", "PDF is not supported: export it as JPEG, a file for each page"),
        (b"\r\n%PDF-1.4\n", "PDF is not supported: export it as JPEG, a file for each page"),
        (b"\0\0\0\x0cJXL \r\n\x87\n" + ISO, "JPEG XL is not supported: export it as JPEG"),
        (b"\xff\x0a" + ISO, "JPEG XL is not supported: export it as JPEG"),
        (b"\0\0\0\x0cjP  \r\n\x87\n" + ISO, "JPEG 2000 is not supported: export it as JPEG"),
        (b"\xff\x4f\xff\x51" + ISO, "JPEG 2000 is not supported: export it as JPEG"),
        (b"II\xbc\x01" + ISO, "JPEG XR is not supported: export it as JPEG"),
        (b"8BPS\0\1" + ISO, "a Photoshop file is not supported: export it as JPEG"),
        (b"gimp xcf v011" + ISO, "a GIMP file is not supported: export it as JPEG"),
        (b"\0\0\1\0\1\0" + ISO, "an icon is not supported: export it as PNG"),
        (
            b"\0\0\2" + bytes(9) + struct.pack("<HHBB", 4, 4, 24, 0) + ISO,
            "a Targa image is not supported: export it as PNG",
        ),
        (bytes(128) + b"DICM\2\0" + ISO, "DICOM is not supported: export it as PNG"),
        (b"\xff\xd8\xff\xf7\0\x0b\x08" + ISO, "JPEG-LS is not supported: export it as JPEG"),
        (b"PF\n4 4\n-1.0\n" + ISO, "this image format is not supported: convert it to JPEG or PNG"),
        (b"P7\nWIDTH 4\n" + ISO, "this image format is not supported: convert it to JPEG or PNG"),
        (b"icns\0\0\1\0" + ISO, "an icon is not supported: export it as PNG"),
        (b"\0\0\0\x18ftypcrx " + ISO, RAW),
        (b"FUJIFILMCCD-RAW 0201FF383501" + ISO, RAW),
        (b"IIRS\x08\0\0\0" + ISO, RAW),
        (b"\0\0\0\x20ftypqt  " + ISO, "a video is not supported: export a frame of it as JPEG"),
        (b"\0\0\0\x08wide\0\0\0\0mdat" + ISO, "a video is not supported: export a frame of it as JPEG"),
        (b"\x1a\x45\xdf\xa3" + ISO, "a video is not supported: export a frame of it as JPEG"),
        (b"RIFF\x24\0\0\0AVI LIST" + ISO, "a video is not supported: export a frame of it as JPEG"),
        (b"\0\0\1\xba" + ISO, "a video is not supported: export a frame of it as JPEG"),
        ((b"G" + bytes(187)) * 3, "a video is not supported: export a frame of it as JPEG"),
        (b"v/1\x01\2\0\0\0" + ISO, "this image format is not supported: convert it to JPEG or PNG"),
        (b"qoif" + struct.pack(">II", 4, 4) + b"\3\0", "this image format is not supported: convert it to JPEG or PNG"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + ISO, "not an image: it is an Office document or thumbnail store"),
    ],
)
def test_a_format_that_is_not_read_is_named_with_what_to_do(body: bytes, said: str) -> None:
    assert reason(body) == said


@pytest.mark.parametrize("bits", [12, 16])
def test_a_jpeg_of_more_bits_is_named(bits: int) -> None:
    body = saved(Image.new("L", (9, 9)), "JPEG")
    frame = body.index(b"\xff\xc0") + 4
    assert reason(body[:frame] + bytes((bits,)) + body[frame + 1 :]) == (
        f"a JPEG of {bits} bits is not supported: export it as PNG"
    )


def bmp_of_compression(number: int) -> bytes:
    body = bytearray(saved(ORCHARD, "BMP"))
    body[30:34] = struct.pack("<I", number)
    return bytes(body)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (bmp_of_compression(4), "unsupported BMP: compression (4): convert it to JPEG or PNG"),
        (bmp_of_compression(5), "unsupported BMP: compression (5): convert it to JPEG or PNG"),
        (
            bmp(np.zeros((9, 12, 4), np.uint8), (0x3FF, 0xFFC00, 0x3FF00000, 0)),
            "unsupported BMP: bitfields layout: convert it to JPEG or PNG",
        ),
    ],
)
def test_what_a_decoder_does_not_support_is_not_called_damaged(body: bytes, said: str) -> None:
    assert reason(body) == said


# a grey JPEG of 24 by 24 pixels with arithmetic coding, without its first marker: Pillow writes none
ARITHMETIC = base64.b85decode(
    b"|JwjV01XKW3knDg3knMk4h;_zAQcl55)&sJ9v2`kDKRiEDJ?8BI!Zn>HbyrrEkIX6ModmpQ&KWMT47pHU`kO^PyfjP3kU!h02l!Q5di<p00s"
    b"aM5C#9*00;pA002J#{{Wni`EN7<9|#;iNa_z{+&j}Hh5{cT&&{+(+v5i$5=judc?FxHlllJo*M-FcbfySEQ$e*>>5?*KNfG-2ZLisPZf_1k#Y"
    b"z=8)0;P!=TP3!5&zi"
)


@pytest.mark.parametrize("before", [0, 65_400, 65_500])
def test_a_jpeg_with_arithmetic_coding_is_read_whole(before: int) -> None:
    # Given one whose codes lie on both sides of the 64 KiB that Pillow hands over at once
    profile = b"ICC_PROFILE\0\1\1" + bytes(before)
    segment = b"\xff\xe2" + struct.pack(">H", 2 + len(profile)) + profile if before else b""
    y, x = np.mgrid[:24, :24]
    wanted = saved(Image.fromarray(((x * 9 + y * 5) % 256).astype(np.uint8)), "PNG")
    assert np.abs(pixels(b"\xff\xd8" + segment + ARITHMETIC).astype(int) - pixels(wanted)).mean() < 20


def frame(marker: int, components: int) -> bytes:
    header = struct.pack(">BHHB", 8, 90, 120, components) + b"".join(bytes((n, 0x11, 0)) for n in range(components))
    return bytes((0xFF, marker)) + struct.pack(">H", 2 + len(header)) + header


SPIFF = b"\xff\xe8\0\x20SPIFF\0" + bytes(24)
SCAN = b"\xff\xda\0\x08\1\0\0\0\x3f\0" + bytes(range(200)) + b"\xff\xd9"


@pytest.mark.parametrize(
    ("header", "said"),
    [
        (frame(0xF7, 1), "JPEG-LS is not supported: export it as JPEG"),
        (SPIFF + frame(0xF7, 1), "JPEG-LS is not supported: export it as JPEG"),
        (SPIFF + frame(0xF7, 3), "JPEG-LS is not supported: export it as JPEG"),
        (frame(0xC0, 2), "a JPEG of 2 components is not supported: export it as PNG"),
        (frame(0xC5, 3), "a JPEG of the kind SOF5 is not supported: export it as PNG"),
        (frame(0xCB, 1), "a JPEG of the kind SOF11 is not supported: export it as PNG"),
    ],
)
def test_a_jpeg_of_a_kind_that_is_not_read_is_named(header: bytes, said: str) -> None:
    assert reason(b"\xff\xd8" + header + SCAN) == said

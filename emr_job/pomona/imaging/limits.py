"""What a worker may spend on one image. An image above a limit becomes an error row."""

from dataclasses import dataclass

from pomona.imaging.errors import ImageError


@dataclass(frozen=True)
class Limits:
    """The decoding limits of a run.

    The first three are the template's parameters of the same names. They are checked from the file's header, before
    anything is decoded. The kernel enforces the other two while an image is decoded.
    """

    max_image_pixels: int
    """Width times height of the image as stored."""
    max_decoded_bytes: int
    """Memory in bytes that decoding may need beside the file itself: pixels times what the decoder holds of each."""
    max_jpeg_scans: int
    """Passes of a progressive JPEG over the whole image; each costs as much as decoding the image once."""
    decode_seconds: float = 20.0
    """Time for decoding and resizing one image."""
    decode_memory_bytes: int = 768 * 2**20
    """Memory for decoding one image, beyond what the process has before: so a worker stays below a gigabyte."""

    def check_pixels(self, width: int, height: int) -> None:
        """Raise ImageError if the image has too many pixels."""
        if width * height > self.max_image_pixels:
            raise ImageError(
                f"too many pixels: {width} x {height} is above the limit of {self.max_image_pixels:,} (MaxImagePixels)"
            )

    def check_decoded_bytes(self, needed: float) -> None:
        """Raise ImageError if decoding needs more memory than allowed; `needed` is in bytes."""
        if needed > self.max_decoded_bytes:
            raise ImageError(
                f"too large to decode: it needs {needed / 2**20:,.0f} MB of memory, which is above the limit of "
                f"{self.max_decoded_bytes / 2**20:,.0f} MB (MaxDecodedBytes)"
            )

    def check_jpeg_scans(self, scans: int) -> None:
        """Raise ImageError if a JPEG has too many scans."""
        if scans > self.max_jpeg_scans:
            raise ImageError(
                f"too many scans: {scans:,} of a JPEG are above the limit of {self.max_jpeg_scans:,} (MaxJpegScans)"
            )

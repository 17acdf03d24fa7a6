"""What a worker may spend on one image. An image above a limit becomes an error row before anything is decoded."""

from dataclasses import dataclass

from pomona.imaging.errors import ImageError


@dataclass(frozen=True)
class Limits:
    """The limits of a run, each the template's parameter of the same name."""

    max_image_pixels: int
    """Width times height of the image as stored."""
    max_decoded_bytes: int
    """Memory that decoding needs, beside the file itself: pixels times what its decoder holds of each."""
    max_jpeg_scans: int
    """Passes of a progressive JPEG over the whole image; each costs as much as decoding it once."""

    def check_pixels(self, width: int, height: int) -> None:
        """Raise ImageError if the image has too many pixels."""
        if width * height > self.max_image_pixels:
            raise ImageError(
                f"too many pixels: {width} x {height} is above the limit of {self.max_image_pixels:,} (MaxImagePixels)"
            )

    def check_decoded_bytes(self, needed: float) -> None:
        """Raise ImageError if decoding needs too much memory."""
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

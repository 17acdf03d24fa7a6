"""The error of an image that cannot be decoded. Imports nothing: limits and entry points need it without Pillow."""


class ImageError(Exception):
    """The object will not become features until somebody uploads another one.

    The text tells whoever uploaded it why; it becomes the row's `error`.
    """


def cut_short(name: str) -> ImageError:
    """Return the error of a file of format `name` that ends before its image does."""
    return ImageError(f"truncated: the file ends before the image does ({name})")

"""What cannot be answered, each with the status that HTTP has for it. The text is a sentence for whoever asked."""


class RefusedError(Exception):
    """The question is not answered. A retry does not help, unless a subclass says so."""

    status = 400
    """400: the question is none that the function takes."""


class ForbiddenError(RefusedError):
    """The question may not be asked in this way."""

    status = 403


class ImageMissingError(RefusedError):
    """The bucket does not have the image, or the function may not read it."""

    status = 404


class TooLargeError(RefusedError):
    """The image has more bytes than are taken."""

    status = 413


class MediaTypeError(RefusedError):
    """The body of a request has another type than those that are taken."""

    status = 415

"""What the function works with, made once for all invocations of a process."""

import os
from functools import cache

from pomona.imaging.limits import Limits
from pomona_identify.results import NewestResults
from pomona_intake.s3.account_clients import account_of, s3_of
from pomona_intake.settings import IdentifySettings


@cache
def newest_results(function_arn: str) -> NewestResults:
    """Return the results of the lake; its bucket must belong to the function's account."""
    settings = IdentifySettings.from_environment(os.environ)
    limits = Limits(settings.max_image_pixels, settings.max_decoded_bytes, settings.max_jpeg_scans)
    return NewestResults(s3_of(account_of(function_arn)), settings.lake_bucket, limits)

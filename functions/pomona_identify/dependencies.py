"""What the function works with, made once for all invocations of a process."""

import os
from functools import cache

from botocore.config import Config

from pomona.imaging.limits import Limits
from pomona_identify.answers import Identify
from pomona_identify.http import HttpService
from pomona_identify.images import THREADS, ImagesBucket
from pomona_identify.results import NewestResults
from pomona_intake.s3.account_clients import account_of, s3_of
from pomona_intake.settings import IdentifySettings

# an answer must not wait for a thumbnail as long as boto3 would
_IMPATIENT = Config(connect_timeout=2, read_timeout=3, retries={"total_max_attempts": 2}, max_pool_connections=THREADS)


@cache
def identify_of(function_arn: str) -> Identify:
    """Return what answers questions; the buckets must belong to the function's account."""
    settings = _settings()
    limits = Limits(settings.max_image_pixels, settings.max_decoded_bytes, settings.max_jpeg_scans)
    account = account_of(function_arn)
    results = NewestResults(s3_of(account), settings.lake_bucket, limits)
    images = ImagesBucket(s3_of(account, _IMPATIENT), settings.images_bucket, settings.max_image_bytes, limits)
    return Identify(results.get, None if settings.identify_access == "none" else images)


@cache
def http_of(function_arn: str) -> HttpService:
    """Return what answers the requests of the function's URL."""
    return HttpService(identify_of(function_arn), is_public=_settings().identify_access == "public")


def _settings() -> IdentifySettings:
    return IdentifySettings.from_environment(os.environ)

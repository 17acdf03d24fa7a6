"""Build the parts of `ingest` from the environment, each once in the life of a process.

They are apart from those of the other functions, whose modules would lengthen its cold starts: it is the function that
starts most often.
"""

import os
from functools import cache

from pomona_intake.clients import LAUNCH, client, lake_of
from pomona_intake.ingest.advance_trigger import AdvanceTrigger
from pomona_intake.queue.activity_log import log_activity
from pomona_intake.queue.segment_writer import SegmentWriter
from pomona_intake.settings import IngestSettings


@cache
def ingest_settings() -> IngestSettings:
    """Return the checked settings of `ingest`; raise SettingsError for a wrong one."""
    return IngestSettings.from_environment(os.environ)


@cache
def ingest_writer() -> SegmentWriter:
    """Return the writer of segments, from the settings of `ingest`."""
    return SegmentWriter(lake_of(ingest_settings().lake_bucket), log_activity)


@cache
def advance_trigger() -> AdvanceTrigger:
    """Return what invokes `advance`."""
    settings = ingest_settings()
    return AdvanceTrigger(
        lake_of(settings.lake_bucket), client("lambda", config=LAUNCH), settings.advance_function_name
    )

"""The settings of the functions, read from environment variables and checked once.

The variable of a field is its name in capitals. Every one must be set: defaults are in the template alone.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from typing import Any, Self

from pomona_contract.image_keys import IgnoredNames
from pomona_intake.errors import SettingsError
from pomona_intake.image_selection import ImageSelection, split_list

_NAME = re.compile(r"[A-Za-z0-9._/:+=,@-]+")
_COMPONENTS_TEXT = re.compile(r"[1-9][0-9]{0,3}|0?\.[0-9]*[1-9][0-9]*")


@dataclass(frozen=True)
class _Kind:
    """How the text of a variable becomes a value, and what the variable may hold, in words."""

    read: Callable[[str], Any]
    allowed: str


def _number(text: str, least: int) -> int:
    value = int(text)
    if value < least:
        raise ValueError
    return value


def _name(text: str) -> str:
    if not _NAME.fullmatch(text):
        raise ValueError
    return text


def _one_of(text: str, allowed: tuple[str, ...]) -> str:
    if text not in allowed:
        raise ValueError
    return text


def _components(text: str) -> str:
    if not _COMPONENTS_TEXT.fullmatch(text):
        raise ValueError
    return text


_TEXT = _Kind(_name, "a name without spaces")
_LIST = _Kind(split_list, "texts with commas between them, or nothing")
_OPTIONAL = _Kind(lambda text: text and _name(text), "a name without spaces, or nothing")
_FROM_0 = _Kind(lambda text: _number(text, 0), "a whole number of at least 0")
_FROM_1 = _Kind(lambda text: _number(text, 1), "a whole number of at least 1")
_FROM_8 = _Kind(lambda text: _number(text, 8), "a whole number of at least 8")
_ACCESS = _Kind(lambda text: _one_of(text, ("none", "iam", "public")), "none, iam or public")
_COMPONENTS = _Kind(_components, "a whole number from 1 to 9999, or a share of variance between 0 and 1")


def _variable(kind: _Kind) -> Any:  # noqa: ANN401 - dataclasses' own field() is Any
    return field(metadata={"kind": kind})


@dataclass(frozen=True)
class _Variables:
    """Settings of which each field is an environment variable."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read every field; raise SettingsError, naming the variable and what it may hold, for a wrong one."""
        declared: tuple[Field[Any], ...] = fields(cls)
        return cls(**{field.name: _read(field.name.upper(), field.metadata, environment) for field in declared})


@dataclass(frozen=True)
class BucketSettings(_Variables):
    """The two buckets, and which keys are images."""

    lake_bucket: str = _variable(_TEXT)
    """Bucket of the queue, the jobs, the warehouse and the results."""
    images_bucket: str = _variable(_TEXT)
    """Bucket whose images have their features in the table; events of other buckets are refused."""
    images_prefixes: tuple[str, ...] = _variable(_LIST)
    """Prefixes of the keys that are images, separated by commas; nothing: all keys."""
    images_suffixes: tuple[str, ...] = _variable(_LIST)
    """Suffixes of the keys that are images, separated by commas; nothing: all keys."""
    ignored_names: tuple[str, ...] = _variable(_LIST)
    """Shell patterns of names that no image has, separated by commas; nothing: none is ignored."""

    @property
    def selection(self) -> ImageSelection:
        """Return which keys are images."""
        return ImageSelection(self.images_prefixes, self.images_suffixes, IgnoredNames(self.ignored_names))


@dataclass(frozen=True)
class IngestSettings(BucketSettings):
    """The settings of `ingest`."""

    advance_function_name: str = _variable(_TEXT)
    """Function that launches the run when no batch is in flight."""


@dataclass(frozen=True)
class IdentifySettings(_Variables):
    """The settings of `identify`."""

    lake_bucket: str = _variable(_TEXT)
    """Bucket of the results and the backbones."""
    images_bucket: str = _variable(_TEXT)
    """Bucket of the images; read only if the function has a URL."""
    identify_access: str = _variable(_ACCESS)
    """Who may ask by the function's URL: none, iam or public."""
    max_image_bytes: int = _variable(_FROM_1)
    """Bytes above which an object is not read."""
    max_image_pixels: int = _variable(_FROM_1)
    """Pixels above which an image is not decoded."""
    max_decoded_bytes: int = _variable(_FROM_1)
    """Memory, in bytes, above which an image is not decoded."""
    max_jpeg_scans: int = _variable(_FROM_1)
    """Scans above which a JPEG is not decoded."""


@dataclass(frozen=True)
class Settings(BucketSettings):
    """The settings of the functions that launch runs or check the queue."""

    database_name: str = _variable(_TEXT)
    """Glue database of the feature table."""
    table_name: str = _variable(_TEXT)
    """Name of the feature table."""
    application_id: str = _variable(_TEXT)
    """EMR Serverless application that runs both jobs."""
    job_role_arn: str = _variable(_TEXT)
    """Role that the jobs run with."""
    job_prefix: str = _variable(_TEXT)
    """Prefix of the jobs' code in the lake bucket: `jobs/<digest>`."""
    backbone_name: str = _variable(_TEXT)
    """Network that turns an image into features."""
    launch_at_keys: int = _variable(_FROM_1)
    """Number of pending keys at which a run is launched at once."""
    launch_after_minutes: int = _variable(_FROM_0)
    """Minutes after which a run is launched for the oldest pending key."""
    express_keys: int = _variable(_FROM_0)
    """Keys that a run of the express lane takes at most; 0: the lane is off."""
    express_function_name: str = _variable(_TEXT)
    """Function that is the express lane."""
    express_longest_seconds: int = _variable(_FROM_1)
    """Seconds after its start after which the function `express` cannot be running any more."""
    max_keys_per_run: int = _variable(_FROM_1)
    """Keys that one run takes at most, unless a single segment is larger."""
    max_attempts: int = _variable(_FROM_1)
    """Runs of a batch that may fail before it is moved to the failed batches."""
    retry_after_minutes: int = _variable(_FROM_0)
    """Minutes before a batch's last attempt, and of the pause after two batches failed in a row."""
    run_timeout_minutes: int = _variable(_FROM_1)
    """Minutes after which EMR Serverless ends a featurize run."""
    refit_timeout_minutes: int = _variable(_FROM_1)
    """Minutes after which EMR Serverless ends a refit."""
    components: str = _variable(_COMPONENTS)
    """Principal components to keep: their number, or the share of the variance that they have to explain."""
    max_image_bytes: int = _variable(_FROM_1)
    """Bytes above which an object is not downloaded and gets an error row."""
    max_image_pixels: int = _variable(_FROM_1)
    """Pixels above which an image is not decoded and gets an error row."""
    max_decoded_bytes: int = _variable(_FROM_1)
    """Memory, in bytes, above which an image is not decoded and gets an error row."""
    max_jpeg_scans: int = _variable(_FROM_1)
    """Scans above which a JPEG is not decoded and gets an error row."""
    snapshot_days: int = _variable(_FROM_0)
    """Days after which a snapshot of the table expires, and with it the last copy of a deleted row."""
    max_executors: int = _variable(_FROM_1)
    """Executors that one run has at most; fewer if half of the application's capacity is too small for them."""
    max_vcpus: int = _variable(_FROM_8)
    """vCPUs of the application; a featurize run and a refit share them."""
    log_group_name: str = _variable(_OPTIONAL)
    """CloudWatch log group of the jobs; nothing: their logs stay in EMR's own storage."""

    @property
    def launch_after(self) -> timedelta:
        """Return how long the oldest pending key may wait."""
        return timedelta(minutes=self.launch_after_minutes)

    @property
    def express_longest(self) -> timedelta:
        """Return how long after its start a run of the express lane may still be running."""
        return timedelta(seconds=self.express_longest_seconds)

    @property
    def retry_after(self) -> timedelta:
        """Return how long a batch waits before its last attempt, and the queue after two batches failed in a row."""
        return timedelta(minutes=self.retry_after_minutes)


def _read(variable: str, metadata: Mapping[str, Any], environment: Mapping[str, str]) -> Any:  # noqa: ANN401
    kind: _Kind = metadata["kind"]
    text = environment.get(variable)
    if text is None:
        raise SettingsError(f"{variable} is not set; it must hold {kind.allowed}.")
    try:
        return kind.read(text)
    except ValueError as error:
        raise SettingsError(f"{variable} holds {text!r}; it must hold {kind.allowed}.") from error

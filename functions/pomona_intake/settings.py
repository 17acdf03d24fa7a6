"""The settings of the functions: read from the environment and checked once, each with its unit and a sentence."""

import re
from collections.abc import Callable, Mapping
from dataclasses import Field, dataclass, field, fields
from datetime import timedelta
from typing import Any, Self, TypeVar

from pomona_intake.errors import SettingsError
from pomona_intake.ingest.selection import Selection, listed

Kind = TypeVar("Kind")
_NAME = re.compile(r"[A-Za-z0-9._/:+=,@-]+")
_COMPONENTS_TEXT = re.compile(r"[1-9][0-9]{0,3}|0?\.[0-9]*[1-9][0-9]*")


@dataclass(frozen=True)
class _Kind:
    """How the text of a variable becomes a value, and the words for what it may hold."""

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


def _components(text: str) -> str:
    if not _COMPONENTS_TEXT.fullmatch(text):
        raise ValueError
    return text


_TEXT = _Kind(_name, "a name without spaces")
_LIST = _Kind(listed, "texts with commas between them, or nothing")
_OPTIONAL = _Kind(lambda text: text and _name(text), "a name without spaces, or nothing")
_FROM_0 = _Kind(lambda text: _number(text, 0), "a whole number of at least 0")
_FROM_1 = _Kind(lambda text: _number(text, 1), "a whole number of at least 1")
_FROM_8 = _Kind(lambda text: _number(text, 8), "a whole number of at least 8")
_COMPONENTS = _Kind(_components, "a whole number from 1 to 9999, or a share of variance between 0 and 1")


def _variable(kind: _Kind) -> Any:  # noqa: ANN401 - dataclasses' own field() is Any
    return field(metadata={"kind": kind})


@dataclass(frozen=True)
class IntakeSettings:
    """The settings of `ingest`. The variable of a field is its name in capitals."""

    lake_bucket: str = _variable(_TEXT)
    """Bucket of the queue."""
    images_bucket: str = _variable(_TEXT)
    """Bucket whose events are taken in; those of other buckets are refused."""
    images_prefixes: tuple[str, ...] = _variable(_LIST)
    """Prefixes of the keys that are images, separated by commas; nothing: all keys."""
    images_suffixes: tuple[str, ...] = _variable(_LIST)
    """Suffixes of the keys that are images, separated by commas; nothing: all keys."""
    ignored_names: tuple[str, ...] = _variable(_LIST)
    """Shell patterns of names that no image has, separated by commas; nothing: none is ignored."""
    advance_function_name: str = _variable(_TEXT)
    """Function that launches the run when nothing is in flight."""

    @property
    def selection(self) -> Selection:
        """Which keys are images."""
        return Selection(self.images_prefixes, self.images_suffixes, self.ignored_names)


@dataclass(frozen=True)
class Settings:
    """The variable of a field is its name in capitals. Every one must be set: defaults stand in the template alone."""

    lake_bucket: str = _variable(_TEXT)
    """Bucket of the queue, the jobs, the warehouse and the results."""
    images_bucket: str = _variable(_TEXT)
    """Bucket whose images have their features in the table."""
    images_prefixes: tuple[str, ...] = _variable(_LIST)
    """Prefixes of the keys that are images, separated by commas; nothing: all keys."""
    images_suffixes: tuple[str, ...] = _variable(_LIST)
    """Suffixes of the keys that are images, separated by commas; nothing: all keys."""
    ignored_names: tuple[str, ...] = _variable(_LIST)
    """Shell patterns of names that no image has, separated by commas; nothing: none is ignored."""
    database_name: str = _variable(_TEXT)
    """Glue database of the feature table."""
    table_name: str = _variable(_TEXT)
    """Name of the feature table."""
    application_id: str = _variable(_TEXT)
    """EMR Serverless application that runs both jobs."""
    job_role_arn: str = _variable(_TEXT)
    """Role that the jobs run with."""
    job_prefix: str = _variable(_TEXT)
    """Prefix in the lake bucket under which the jobs' code lies: `jobs/<digest>`."""
    backbone_name: str = _variable(_TEXT)
    """Network that turns an image into features."""
    launch_at_keys: int = _variable(_FROM_1)
    """Keys pending at which a run is launched at once."""
    launch_after_minutes: int = _variable(_FROM_0)
    """Minutes after which the oldest pending key has waited long enough."""
    max_keys_per_run: int = _variable(_FROM_1)
    """Keys that one run takes at most, unless a single segment is larger."""
    max_attempts: int = _variable(_FROM_1)
    """Runs of a batch that may fail before it is moved to the failed ones."""
    retry_after_minutes: int = _variable(_FROM_0)
    """Minutes before a batch's last attempt, and for which the line rests after two batches failed in a row."""
    run_timeout_minutes: int = _variable(_FROM_1)
    """Minutes after which EMR Serverless ends a featurize run."""
    refit_timeout_minutes: int = _variable(_FROM_1)
    """Minutes after which EMR Serverless ends a refit."""
    components: str = _variable(_COMPONENTS)
    """Principal components to keep: their number, or the share of variance that they are to explain."""
    max_image_bytes: int = _variable(_FROM_1)
    """Bytes above which an object is not downloaded but an error row."""
    max_image_pixels: int = _variable(_FROM_1)
    """Pixels above which an image is not decoded but an error row."""
    max_decoded_bytes: int = _variable(_FROM_1)
    """Memory, in bytes, above which an image is not decoded but an error row."""
    max_jpeg_scans: int = _variable(_FROM_1)
    """Scans above which a JPEG is not decoded but an error row."""
    snapshot_days: int = _variable(_FROM_0)
    """Days after which a snapshot of the table expires, and with it the last copy of a deleted row."""
    max_executors: int = _variable(_FROM_1)
    """Executors that one run has at most, if half of the application's capacity has room for them."""
    max_vcpus: int = _variable(_FROM_8)
    """vCPUs of the application: one featurize and one refit run share them."""
    log_group_name: str = _variable(_OPTIONAL)
    """CloudWatch log group of the jobs; nothing: their logs stay in EMR's own storage."""

    @property
    def selection(self) -> Selection:
        """Which keys are images."""
        return Selection(self.images_prefixes, self.images_suffixes, self.ignored_names)

    @property
    def launch_after(self) -> timedelta:
        """How long the oldest pending key may wait."""
        return timedelta(minutes=self.launch_after_minutes)

    @property
    def retry_after(self) -> timedelta:
        """How long a batch waits before its last attempt, and the line after two batches failed in a row."""
        return timedelta(minutes=self.retry_after_minutes)

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> Self:
        """Read every field; SettingsError says which variable holds what, and what it may hold."""
        return read_settings(cls, environment)


def read_settings(kind: type[Kind], environment: Mapping[str, str]) -> Kind:
    """Read every field of a settings class; SettingsError says which variable holds what, and what it may hold."""
    declared: tuple[Field[Any], ...] = fields(kind)  # type: ignore[arg-type]
    return kind(**{f.name: _read(f.name.upper(), f.metadata, environment) for f in declared})


def _read(variable: str, metadata: Mapping[str, Any], environment: Mapping[str, str]) -> Any:  # noqa: ANN401
    kind: _Kind = metadata["kind"]
    text = environment.get(variable)
    if text is None:
        raise SettingsError(f"{variable} is not set; it must hold {kind.allowed}.")
    try:
        return kind.read(text)
    except ValueError as error:
        raise SettingsError(f"{variable} holds {text!r}; it must hold {kind.allowed}.") from error

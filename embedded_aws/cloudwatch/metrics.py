"""Metrics: samples of one-minute resolution, and their statistics over a window of time."""

import bisect
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Self


@dataclass(frozen=True)
class MetricId:
    """The identity of a metric. Dimensions are sorted; a subset of them is another metric."""

    namespace: str
    name: str
    dimensions: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, namespace: str, name: str, dimensions: Sequence[Mapping[str, str]]) -> Self:
        """Return the id of a metric whose dimensions are in the API's format."""
        return cls(namespace, name, tuple(sorted((one["Name"], one["Value"]) for one in dimensions)))


@dataclass(frozen=True, slots=True, order=True)
class MetricSample:
    """A statistic set: values of one metric that were measured together."""

    at: datetime
    count: float
    total: float
    least: float
    greatest: float
    unit: str


Window = tuple[datetime, datetime]  # its first moment, and the first after it


def floor_minute(moment: datetime) -> datetime:
    """Return the beginning of the minute of `moment`."""
    return moment.replace(second=0, microsecond=0)


def windows(now: datetime, period: timedelta, count: int) -> list[Window]:
    """Return the last `count` periods before `now`, oldest first: a sliding window that moves every minute."""
    end = floor_minute(now)
    return [(end - period * (number + 1), end - period * number) for number in reversed(range(count))]


def samples_of(datum: Mapping[str, Any], now: datetime) -> list[MetricSample]:
    """Return the samples of a MetricDatum of PutMetricData, with the time `now` if it has no Timestamp."""
    at = _aware(datum.get("Timestamp") or now)
    unit = str(datum.get("Unit") or "None")
    if stats := datum.get("StatisticValues"):
        names = ("SampleCount", "Sum", "Minimum", "Maximum")
        count, total, least, greatest = (float(stats[name]) for name in names)
        return [MetricSample(at, count, total, least, greatest, unit)]
    values = [float(value) for value in datum.get("Values") or [datum.get("Value", 0)]]
    counts = [float(count) for count in datum.get("Counts") or [1] * len(values)]
    return [
        MetricSample(at, count, value * count, value, value, unit) for value, count in zip(values, counts, strict=True)
    ]


def _aware(moment: datetime) -> datetime:
    """Return a moment with its time zone; moto's moments are naive, in UTC."""
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


STATISTICS: Mapping[str, Callable[[Sequence[MetricSample]], float]] = {
    "SampleCount": lambda samples: sum(one.count for one in samples),
    "Sum": lambda samples: sum(one.total for one in samples),
    "Average": lambda samples: sum(one.total for one in samples) / sum(one.count for one in samples),
    "Minimum": lambda samples: min(one.least for one in samples),
    "Maximum": lambda samples: max(one.greatest for one in samples),
}


def statistic(name: str, samples: Sequence[MetricSample]) -> float | None:
    """Return a statistic of samples; None without samples, because that is a missing data point and not a zero."""
    return STATISTICS[name](samples) if samples else None


class MetricRecord:
    """Every metric's samples, ordered by time."""

    def __init__(self) -> None:
        self._samples: dict[MetricId, list[MetricSample]] = {}
        self._lock = threading.Lock()

    def add(self, metric: MetricId, sample: MetricSample) -> None:
        """Add a sample; it may be older than others."""
        with self._lock:
            bisect.insort(self._samples.setdefault(metric, []), sample)

    def within(self, metric: MetricId, window: Window, unit: str = "") -> list[MetricSample]:
        """Return the samples of a metric whose minute begins in the window, of one unit only if it is given."""
        begin, end = window
        with self._lock:
            samples = self._samples.get(metric, [])
            first = bisect.bisect_left(samples, begin, key=_minute)
            found = samples[first : bisect.bisect_left(samples, end, key=_minute)]
        return [one for one in found if not unit or one.unit == unit]

    def forget(self, before: datetime) -> None:
        """Delete the samples from before a moment."""
        with self._lock:
            for metric, samples in self._samples.items():
                self._samples[metric] = samples[bisect.bisect_left(samples, before, key=_minute) :]


def _minute(sample: MetricSample) -> datetime:
    return floor_minute(sample.at)

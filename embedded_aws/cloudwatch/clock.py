"""CloudWatch's clock: the machine's, or ahead of it after a test has put it forward."""

from datetime import UTC, datetime, timedelta


class Clock:
    """The time for metrics and evaluations. It never goes backwards."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the current time of this clock, in UTC."""
        return self.shifted(datetime.now(UTC))

    def shifted(self, moment: datetime) -> datetime:
        """Return what this clock shows when the machine's clock shows `moment`."""
        return moment + self._ahead

    def put_forward(self, at: datetime) -> None:
        """Set the clock to `at`; ValueError if it is past that moment."""
        now = self.now()
        if at < now:
            raise ValueError(f"the clock shows {now.isoformat()} and cannot be set back to {at.isoformat()}")
        self._ahead += at - now

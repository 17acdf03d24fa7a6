"""The clock of CloudWatch: the machine's, or ahead of it once somebody has put it forward."""

from datetime import UTC, datetime, timedelta


class Clock:
    """Tells the time to whatever measures and evaluates. It goes at the machine's pace and never backwards."""

    def __init__(self) -> None:
        self._ahead = timedelta()

    def now(self) -> datetime:
        """Return the present moment of this clock, in UTC."""
        return self.shifted(datetime.now(UTC))

    def shifted(self, moment: datetime) -> datetime:
        """Return what this clock shows when the machine's clock shows `moment`."""
        return moment + self._ahead

    def put_forward(self, at: datetime) -> None:
        """Go on from `at`; ValueError if that moment has passed."""
        now = self.now()
        if at < now:
            raise ValueError(f"the clock shows {now.isoformat()} and does not go back to {at.isoformat()}")
        self._ahead += at - now

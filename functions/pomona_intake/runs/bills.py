"""Write the bills of ended runs, one document for each featurize run and each refit."""

from dataclasses import asdict, dataclass

from pomona_contract.documents.bill import Bill
from pomona_contract.prices import BilledHours, Prices
from pomona_contract.run_names import RunName
from pomona_intake.errors import LostRaceError, PreconditionFailedError
from pomona_intake.runs.run_states import Phase, RunState
from pomona_intake.s3.lake import Lake

_UNKNOWN: dict[str, None] = dict.fromkeys(BilledHours.__dataclass_fields__)


@dataclass(frozen=True)
class StoredBill:
    """A bill and the etag it had when it was read."""

    bill: Bill
    etag: str


class Bills:
    """The bills in one lake. Every method raises TransientError when S3 could not answer."""

    def __init__(self, lake: Lake, prices: Prices | None) -> None:
        self._lake = lake
        self._prices = prices

    def read(self, name: RunName) -> StoredBill | None:
        """Return the run's bill, None if it is not written yet; raise FormatError if it cannot be read."""
        stored = self._lake.read(name.bill_key)
        return StoredBill(Bill.from_json(name.bill_key, stored.body), stored.etag) if stored else None

    def create(self, name: RunName, run: RunState) -> bool:
        """Write the run's bill; return False if another caller has written it."""
        try:
            self._lake.create(name.bill_key, self._bill(name, run).to_json())
        except PreconditionFailedError:
            return False
        return True

    def complete(self, name: RunName, run: RunState, stored: StoredBill) -> bool:
        """Replace the bill by one with the hours that are billed now; return False if another caller has done so."""
        try:
            self._lake.replace(name.bill_key, self._bill(name, run).to_json(), stored.etag)
        except LostRaceError:
            return False
        return True

    def _bill(self, name: RunName, run: RunState) -> Bill:
        """Return the bill of a run, with its cost at today's prices: a reader needs no list of prices."""
        prices = self._prices if run.billed else None
        return Bill(
            batch_id=name.batch_id,
            attempt=name.attempt,
            run_id=run.run_id,
            state=run.state,
            seconds=run.seconds,
            reason=run.details if run.phase is Phase.FAILED else "",
            **(asdict(run.billed) if run.billed else _UNKNOWN),
            cost=prices.cost(run.billed) if prices and run.billed else None,
            currency=prices.currency if prices else None,
        )

"""Names of the branches and folders of featurize runs: each attempt has its own, and they sort by time."""

import re

BRANCH_PREFIX = "run_"
_BRANCH = re.compile(rf"{BRANCH_PREFIX}(\w+)_(\d+)")
_BRANCH_FOLDER = re.compile(rf"/({_BRANCH.pattern})-[0-9a-f]{{32}}/")


def branch_name(batch_id: str, attempt: int) -> str:
    """Return the branch of one attempt, in letters that SQL need not quote."""
    return re.sub(r"[^A-Za-z0-9_]", "_", f"{BRANCH_PREFIX}{batch_id}_{attempt}")


def attempt_order(branch: str) -> tuple[str, int]:
    """Return a sort key that puts the branches of attempts in time order: a batch's id begins with its claim's time.

    Raises:
        ValueError: this is not the name of a run's branch.
    """
    found = _BRANCH.fullmatch(branch)
    if found is None:
        raise ValueError(f"{branch} is not the name of a run's branch")
    return found[1], int(found[2])


def branch_in_location(location: str) -> str | None:
    """Return the branch in whose folder the file at this address lies; None if it is in no run's folder."""
    found = _BRANCH_FOLDER.search(location)
    return found[1] if found else None

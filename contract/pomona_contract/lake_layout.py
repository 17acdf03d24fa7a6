"""Where everything lies in the lake bucket. A prefix ends with a slash; every other name is the key of an object."""

PENDING_SEGMENTS = "queue/pending/"
"""Segments that wait for a run, and those of the batch in flight."""
CLAIM = "queue/active.json"
"""The batch in flight (documents/claim.py)."""
FAILURE_PAUSE = "queue/line.json"
"""Whether batches fail in a row (documents/failure_pause.py)."""
FAILED_BATCHES = "queue/failed/"
"""One folder for each failed batch: its segments and its document (documents/failed_batch.py)."""
UNREADABLE_CLAIMS = "queue/unreadable/"
"""Claims that `pomona repair` has set aside."""
RUNS = "runs/"
"""Records, failures and bills of ended runs (documents/run_record.py, run_failure.py, bill.py)."""
RUN_PROGRESS = "runs/in-flight.progress"
"""How far the featurize run in flight is (documents/run_progress.py).

Its ending is not that of a record, because an earlier release would take it for one.
"""
RESULTS = "results/"
"""One folder for each refitted snapshot."""
LATEST_RESULTS = "results/latest.json"
"""Which results are the newest (documents/latest_results.py)."""
NOTHING_TO_FIT = "results/nothing-to-fit.json"
"""Why the last refit has no results (documents/nothing_to_fit.py); missing if it has."""
OPEN_ERASURES = "erasures/open/"
"""Erasures that are not final (documents/erasure.py)."""
FINAL_ERASURES = "erasures/final/"
"""Erasures of which nothing is left."""
BUNDLES = "jobs/"
"""One folder for each published bundle: the entry points, the job's code and its packages."""
BACKBONES = "backbones/"
"""One folder for each network that a bundle held: its description and its `.tflite`. None is ever removed."""

MODEL = "model.npz"
MODEL_DOCUMENT = "model.json"
NEIGHBOURS = "neighbours.npz"
EVALUATION = "evaluation.json"
REPORT = "report.html"
"""Files in the folder of a snapshot's results that more than one program reads."""
RECORD_ENDING = ".json"
BILL_ENDING = ".billed.json"
FAILURE_ENDING = ".failure"  # not .json: an earlier release would take it for a record
_DIGITS_OF_A_BUNDLE = 16


def failed_batch_folder(batch_id: str) -> str:
    """Return the folder of a failed batch."""
    return f"{FAILED_BATCHES}{batch_id}/"


def failed_batch_document(batch_id: str) -> str:
    """Return where it is written why a batch failed."""
    return f"{failed_batch_folder(batch_id)}batch.json"


def failed_batch_of_format_1(batch_id: str) -> str:
    """Return where earlier releases kept a failed batch, with its keys inside."""
    return f"{FAILED_BATCHES}{batch_id}.json"


def unreadable_claim(moment: str) -> str:
    """Return where a claim goes that could not be read; `moment` is a stamp."""
    return f"{UNREADABLE_CLAIMS}active-{moment}.json"


def results_folder(snapshot_id: int, *, is_second: bool = False) -> str:
    """Return the folder of a snapshot's results; the second is for other settings than those of the first."""
    return f"{RESULTS}{snapshot_id}{'-2' if is_second else ''}/"


def bundle_prefix(digest: str) -> str:
    """Return where a bundle lies, without a slash at its end; a bundle is never overwritten."""
    return f"{BUNDLES}{digest[:_DIGITS_OF_A_BUNDLE]}"


def backbone_folder(label: str) -> str:
    """Return the folder of the network of a backbone's label (name@digest); it is never overwritten."""
    return f"{BACKBONES}{label.replace('@', '-')}/"


def file_name(key: str) -> str:
    """Return the last part of a key, which follows its last slash."""
    return key.rpartition("/")[2]

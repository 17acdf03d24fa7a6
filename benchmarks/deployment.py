"""A Pomona without its functions: buckets, database, batches in flight, and the two jobs run from their parameters."""

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.places import BenchError
from benchmarks.processes import Finished
from benchmarks.spark import Platform, settings_of
from benchmarks.template import template_settings
from pomona_contract.documents.claim import Claim, ClaimedSegment
from pomona_contract.lake_layout import CLAIM, LATEST_RESULTS
from pomona_contract.run_names import RunName
from pomona_contract.segment_lines import DirtyKey
from pomona_contract.segments import new_segments, parse_segment_name
from pomona_contract.times import iso, now, stamp
from pomona_intake.runs.parameters import featurize_parameters, refit_parameters
from pomona_intake.settings import Settings

PROCESSES = "--processes"


@dataclass(frozen=True)
class Job:
    """One run: its process, and the record that it left."""

    process: Finished
    record: dict[str, Any]

    @property
    def seconds(self) -> float:
        """From spark-submit to its end."""
        return self.process.seconds

    def logged(self, field: str) -> dict[str, Any]:
        """The last JSON with this field that the run logged; spark-submit passes a driver's stderr on to its stdout."""
        found = [line[line.index("{") :] for line in self.process.output.splitlines() if f'"{field}"' in line]
        if not found:
            last = "\n".join(self.process.output.splitlines()[-5:])
            raise BenchError(f"the run logged nothing with the field {field!r}; the last it said:\n{last}")
        return dict(json.loads(found[-1]))


@dataclass(frozen=True)
class Deployment:
    """One table with its own lake; the images bucket may serve several."""

    platform: Platform
    images: str
    settings: Settings

    @classmethod
    def make(cls, platform: Platform, images: str, backbone: str) -> "Deployment":
        """A new lake and database, with the template's own defaults."""
        database = f"bench_{secrets.token_hex(4)}"
        platform.cloud.client("glue").create_database(DatabaseInput={"Name": database})
        settings = template_settings(
            LAKE_BUCKET=platform.cloud.bucket("lake"),
            IMAGES_BUCKET=images,
            DATABASE_NAME=database,
            BACKBONE_NAME=backbone,
        )
        return cls(platform, images, settings)

    def spark_settings(self) -> dict[str, str]:
        """What StartJobRun would tell Spark."""
        parameters = featurize_parameters(self.settings, "none", 1, keys=0)
        return settings_of(parameters["jobDriver"]["sparkSubmit"]["sparkSubmitParameters"])

    def claim(self, keys: Sequence[str]) -> str:
        """Put a batch of these keys in flight, as `advance` would, and give its id."""
        moment = now()
        batch_id = f"{stamp(moment)}-{secrets.token_hex(4)}"
        dirty = [DirtyKey(self.images, key, iso(moment)) for key in keys]
        segments = new_segments(dirty, batch_id, moment)
        for name, body in segments.items():
            self._put(name, body)
        claim = Claim(
            batch_id=batch_id,
            attempt=1,
            claimed_at=iso(moment),
            segments=tuple(ClaimedSegment(name, _keys_of(name)) for name in segments),
            application_id="none",
            parameters=featurize_parameters(self.settings, batch_id, 1, len(keys)),
        )
        self._put(CLAIM, claim.to_json())
        return batch_id

    def featurize(self, keys: Sequence[str]) -> Job:
        """Claim a batch of these keys, and run the job on it."""
        batch_id = self.claim(keys)
        finished = self._run(featurize_parameters(self.settings, batch_id, 1, len(keys)))
        return Job(finished, self.document(RunName(batch_id, 1).record_key))

    def claim_document(self) -> bytes:
        """The batch in flight as it lies in the lake."""
        answer = self.platform.cloud.client("s3").get_object(Bucket=self.settings.lake_bucket, Key=CLAIM)
        return bytes(answer["Body"].read())

    def refit(self) -> Job:
        """Run a refit of the table."""
        finished = self._run(refit_parameters(self.settings, "refit-bench"))
        return Job(finished, self.document(LATEST_RESULTS))

    def document(self, key: str) -> dict[str, Any]:
        """A JSON document of the lake."""
        answer = self.platform.cloud.client("s3").get_object(Bucket=self.settings.lake_bucket, Key=key)
        return dict(json.loads(answer["Body"].read()))

    def _run(self, parameters: dict[str, Any]) -> Finished:
        driver = parameters["jobDriver"]["sparkSubmit"]
        script = self.platform.code / driver["entryPoint"].rpartition("/")[2]
        arguments = list(driver["entryPointArguments"])
        if PROCESSES in arguments:  # one for each core of the driver; here that is this machine, as for all who compete
            arguments[arguments.index(PROCESSES) + 1] = str(self.platform.cores)
        return self.platform.submit(script, arguments, settings_of(driver["sparkSubmitParameters"]))

    def _put(self, key: str, body: bytes) -> None:
        self.platform.cloud.client("s3").put_object(Bucket=self.settings.lake_bucket, Key=key, Body=body)


def _keys_of(name: str) -> int:
    segment = parse_segment_name(name)
    return segment.keys if segment else 0

"""Observe a deployed stack through AWS's APIs: what is queued, what runs, what the results are."""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pyarrow as pa
from botocore.exceptions import ClientError
from pyiceberg.catalog.glue import GlueCatalog

from demo.cloud import REGION, EmbeddedCloud
from pomona_contract.lake_layout import BILL_ENDING, CLAIM, FAILED_BATCHES, PENDING_SEGMENTS, RECORD_ENDING, RUNS

FINAL_STATES = ("SUCCESS", "FAILED", "CANCELLED")


@dataclass(frozen=True)
class Observer:
    """A deployed stack and its outputs."""

    cloud: EmbeddedCloud
    outputs: dict[str, str]

    @property
    def images(self) -> str:
        return self.outputs["ImagesBucketName"]

    @property
    def lake(self) -> str:
        return self.outputs["LakeBucketName"]

    def objects(self, bucket: str, prefix: str = "") -> Iterator[dict[str, Any]]:
        pages = self.cloud.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
        return (item for page in pages for item in page.get("Contents", []))

    def document(self, key: str) -> dict[str, Any] | None:
        """Return a JSON document of the lake; None if it does not exist."""
        try:
            found: dict[str, Any] = json.load(self.cloud.client("s3").get_object(Bucket=self.lake, Key=key)["Body"])
        except ClientError as error:
            if error.response["Error"]["Code"] == "NoSuchKey":
                return None
            raise
        return found

    def waiting(self) -> str:
        """Return what is not in the table yet; empty if nothing is. Checked in the order in which keys move."""
        if messages := self._messages():
            return f"{messages} messages with events wait for ingest"
        pending = [item["Key"] for item in self.objects(self.lake, PENDING_SEGMENTS)]
        active = self.document(CLAIM)
        if active:
            return f"a run is in flight with {active['keys']} keys (attempt {active['attempt']})"
        return f"{len(pending)} segments are pending" if pending else ""

    def _messages(self) -> int:
        counted = ("ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible")
        queue = self.outputs["EventQueueUrl"]
        attributes = self.cloud.client("sqs").get_queue_attributes(QueueUrl=queue, AttributeNames=list(counted))[
            "Attributes"
        ]
        return sum(int(attributes[name]) for name in counted)

    def failed_batches(self) -> list[dict[str, Any]]:
        keys = (item["Key"] for item in self.objects(self.lake, FAILED_BATCHES))
        found = (self.document(key) for key in keys if key.endswith("/batch.json"))
        return [batch for batch in found if batch]

    def run_records(self) -> list[dict[str, Any]]:
        keys = (item["Key"] for item in self.objects(self.lake, RUNS))
        found = (self.document(key) for key in keys if key.endswith(RECORD_ENDING) and not key.endswith(BILL_ENDING))
        return sorted((record for record in found if record), key=lambda record: record["started_at"])

    def job_runs(self, name_prefix: str) -> list[dict[str, Any]]:
        pages = self.cloud.client("emr-serverless").get_paginator("list_job_runs")
        runs = (run for page in pages.paginate(applicationId=self.outputs["ApplicationId"]) for run in page["jobRuns"])
        return [run for run in runs if run.get("name", "").startswith(name_prefix)]

    def table(self) -> pa.Table:
        """Return the feature table at its current snapshot."""
        place = {"glue.endpoint": self.cloud.endpoint, "s3.endpoint": self.cloud.endpoint}
        credentials = {"client.access-key-id": "local", "client.secret-access-key": "local", "client.region": REGION}
        return GlueCatalog("lake", **place, **credentials).load_table(self.outputs["TableName"]).scan().to_arrow()

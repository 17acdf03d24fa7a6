"""A deployed stack as `make smoke` sees it, through AWS's APIs, and the sample images that it holds for a while."""

import sys
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from pyiceberg.catalog.glue import GlueCatalog
from pyiceberg.exceptions import NoSuchTableError
from pyiceberg.expressions import In

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "contract"))  # a checkout has nothing installed
SAMPLES = ("apple/apple-00.jpg", "banana/banana-00.jpg", "plum/plum-00.jpg")


class SmokeError(Exception):
    """A check failed; the text says what was found and what to look at."""


class NotHereError(Exception):
    """A check that this endpoint cannot show; the text says why."""


@dataclass(frozen=True)
class Deployed:
    """A stack, seen through AWS's APIs."""

    name: str
    session: boto3.Session
    minutes: float

    def client(self, service: str) -> Any:  # noqa: ANN401 - boto3's clients have no static type
        create: Any = self.session.client  # typed by literal names alone
        return create(service, config=Config(retries={"mode": "standard"}))

    @cached_property
    def described(self) -> dict[str, Any]:
        stack: dict[str, Any] = self.client("cloudformation").describe_stacks(StackName=self.name)["Stacks"][0]
        return stack

    @cached_property
    def outputs(self) -> dict[str, str]:
        return {output["OutputKey"]: output["OutputValue"] for output in self.described.get("Outputs", ())}

    @cached_property
    def parameters(self) -> dict[str, str]:
        return {one["ParameterKey"]: one["ParameterValue"] for one in self.described["Parameters"]}

    @property
    def is_usable(self) -> bool:
        """Return True if the stack has its outputs: a creation that failed leaves none."""
        return "ImagesBucketName" in self.outputs

    def resource(self, logical_id: str) -> str:
        """The physical id of a resource."""
        asked = self.client("cloudformation").describe_stack_resource(StackName=self.name, LogicalResourceId=logical_id)
        return str(asked["StackResourceDetail"]["PhysicalResourceId"])

    @property
    def images(self) -> str:
        return self.outputs["ImagesBucketName"]

    @property
    def lake(self) -> str:
        return self.outputs["LakeBucketName"]

    @cached_property
    def keys(self) -> list[str]:
        """Keys of the sample images, which the stack's prefixes and suffixes take."""
        prefix = self.outputs.get("ImagesPrefixes", "").split(",")[0].strip()
        suffix = self.outputs.get("ImagesSuffixes", ".jpg").split(",")[0].strip()
        return [f"{prefix}pomona-smoke-{uuid.uuid4().hex}/{number}{suffix}" for number in range(len(SAMPLES))]

    def require_aws(self) -> None:
        """Ends a check whose subject only AWS itself has."""
        if "amazonaws" not in self.client("s3").meta.endpoint_url:
            raise NotHereError("only AWS itself shows this")

    def documents(self, prefix: str) -> Iterator[bytes]:
        """The bodies of the lake's objects under a prefix."""
        s3 = self.client("s3")
        for page in s3.get_paginator("list_objects_v2").paginate(Bucket=self.lake, Prefix=prefix):
            for item in page.get("Contents", ()):
                try:
                    yield s3.get_object(Bucket=self.lake, Key=item["Key"])["Body"].read()
                except s3.exceptions.NoSuchKey:
                    continue  # settled meanwhile

    def drop_samples(self) -> None:
        """Put the sample images into the bucket."""
        for key, sample in zip(self.keys, SAMPLES, strict=True):
            self.client("s3").upload_file(str(ROOT / "samples" / "images" / sample), self.images, key)

    def remove_samples(self) -> None:
        """Delete them; it is no error if they are not there."""
        for key in self.keys:
            self.client("s3").delete_object(Bucket=self.images, Key=key)

    def rows(self) -> dict[str, str | None]:
        """Key → error of those rows of the table that are the samples'."""
        settings = {"glue.endpoint": self.client("glue").meta.endpoint_url, "client.region": self.session.region_name}
        catalog = GlueCatalog("smoke", **settings, **{"s3.endpoint": self.client("s3").meta.endpoint_url})
        try:
            table = catalog.load_table(tuple(self.outputs["TableName"].split(".")))
        except NoSuchTableError:  # before the first run
            return {}
        found = table.scan(row_filter=In("key", self.keys), selected_fields=("key", "error")).to_arrow()
        return dict(zip(found["key"].to_pylist(), found["error"].to_pylist(), strict=True))

    def run(self, run_id: str) -> dict[str, Any]:
        """What EMR Serverless says of a run."""
        asked = self.client("emr-serverless").get_job_run(applicationId=self.outputs["ApplicationId"], jobRunId=run_id)
        run: dict[str, Any] = asked["jobRun"]
        return run

    def newest_run(self, prefix: str) -> dict[str, Any]:
        """The same of the latest run whose name begins like this."""
        listed = self.client("emr-serverless").list_job_runs(applicationId=self.outputs["ApplicationId"])["jobRuns"]
        named = sorted((run for run in listed if run["name"].startswith(prefix)), key=lambda run: run["createdAt"])
        return self.run(named[-1]["id"])

    def until(self, what: str, done: Callable[[], Any]) -> Any:  # noqa: ANN401 - whatever `done` gives
        """Waits for something, at most for as long as a launch and a run may take."""
        print(f"    waiting until {what} (at most {self.minutes:.0f} minutes)", flush=True)
        deadline = time.monotonic() + 60 * self.minutes
        while not (found := done()):
            if time.monotonic() > deadline:
                raise SmokeError(
                    f"not within {self.minutes:.0f} minutes: {what}; see the logs of the functions and runs"
                )
            time.sleep(2)
        return found

"""A stack as the command line finds it: the outputs of the template, the real `advance`, no Spark behind it."""

import os
import sysconfig
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
from pyiceberg.catalog.glue import GlueCatalog
from typer.testing import CliRunner, Result

from benchmarks.template import variables
from pomona.table.schema import COLUMNS
from pomona_cli.app import app
from tests.local_server import REGION, ROLE, ROOT, LocalServer, function

BACKBONE = "fruitnet@0123456789ab"
FEATURES = 8
_CODE = f"""
import sys
sys.path[:0] = [{str(ROOT / "functions")!r}, {str(ROOT / "contract")!r}]
sys.path.append({sysconfig.get_path("purelib")!r})
"""
ADVANCE, REFIT = (f"{_CODE}from {name} import handler\n" for name in ("advance", "refit"))
REFIT_SCHEDULE = "cron(0 3 * * ? *)"
SCHEMA = pa.schema([(name, kind) for name, (kind, _) in COLUMNS.items()])


def run_pomona(words: Iterable[str], environment: Mapping[str, str], stdin: str | None = None) -> Result:
    """Run the command line, on a wide terminal, with the AWS that the environment names and no other."""
    others: dict[str, str | None] = {name: None for name in os.environ if name.startswith("AWS_")}
    return CliRunner(env={**others, "COLUMNS": "300", **environment}).invoke(app, list(words), input=stdin)


class CliStack:
    """A deployed stack, its buckets and its table, and `pomona` for it."""

    def __init__(self, aws: LocalServer, name: str, **settings: str) -> None:
        self.aws, self.name = aws, name
        self.outputs = aws.deploy(name, self._resources(settings), self._outputs())
        self.images, self.lake = self.outputs["ImagesBucketName"], self.outputs["LakeBucketName"]
        self.s3 = aws.client("s3")
        aws.client("glue").create_database(DatabaseInput={"Name": self.database})

    @property
    def database(self) -> str:
        return self.name.replace("-", "_")

    def _resources(self, settings: dict[str, str]) -> dict[str, Any]:
        told = variables() | {
            "LAKE_BUCKET": {"Ref": "Lake"},
            "IMAGES_BUCKET": {"Ref": "Images"},
            "DATABASE_NAME": self.database,
            "APPLICATION_ID": {"Ref": "Application"},
            "JOB_ROLE_ARN": {"Fn::GetAtt": "Role.Arn"},
            "JOB_PREFIX": "jobs/none",
            "LOG_GROUP_NAME": {"Ref": "RunLogs"},
            # no run starts by itself
            "LAUNCH_AT_KEYS": "100000000",
            "LAUNCH_AFTER_MINUTES": "1440",
            "EXPRESS_KEYS": "0",
            "POWERTOOLS_SERVICE_NAME": "pomona",
            "POWERTOOLS_METRICS_NAMESPACE": "Pomona",
        }
        return {
            "Role": ROLE,
            "Images": {"Type": "AWS::S3::Bucket"},
            "Lake": {"Type": "AWS::S3::Bucket"},
            "Events": {"Type": "AWS::SQS::Queue"},
            "DeadLetters": {"Type": "AWS::SQS::Queue"},
            "RunLogs": {"Type": "AWS::Logs::LogGroup"},
            "Application": {
                "Type": "AWS::EMRServerless::Application",
                "Properties": {"Name": self.name, "ReleaseLabel": "emr-spark-8.1.0", "Type": "SPARK"},
            },
            "Advance": self._function("advance", ADVANCE, told | settings),
            "Refit": self._function("refit", REFIT, told | settings),
            "RefitClock": {
                "Type": "AWS::Scheduler::Schedule",
                "Properties": {
                    "Name": f"{self.name}-refit",
                    "ScheduleExpression": REFIT_SCHEDULE,
                    "FlexibleTimeWindow": {"Mode": "OFF"},
                    "Target": {"Arn": {"Fn::GetAtt": "Refit.Arn"}, "RoleArn": {"Fn::GetAtt": "Role.Arn"}},
                },
            },
        }

    def _function(self, name: str, code: str, variables: dict[str, Any]) -> dict[str, Any]:
        uploaded = self.aws.upload(f"{self.name}-{name}.zip", code)
        return function(uploaded, Environment={"Variables": variables}, Timeout=60)

    def _outputs(self) -> dict[str, Any]:
        return {
            "ImagesBucketName": {"Ref": "Images"},
            "LakeBucketName": {"Ref": "Lake"},
            "TableName": f"{self.database}.features",
            "ApplicationId": {"Ref": "Application"},
            "AdvanceFunctionName": {"Ref": "Advance"},
            "RefitFunctionName": {"Ref": "Refit"},
            "RunLogsName": {"Ref": "RunLogs"},
            "EventQueueUrl": {"Ref": "Events"},
            "DeadLetterQueueUrl": {"Ref": "DeadLetters"},
        }

    def environment(self) -> dict[str, str]:
        credentials = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": REGION}
        return credentials | {"AWS_ENDPOINT_URL": self.aws.endpoint, "POMONA_STACK": self.name}

    def pomona(self, *words: str, stdin: str | None = None, **environment: str) -> Result:
        """Run the command line."""
        return run_pomona(words, self.environment() | environment, stdin)

    def put(self, *keys: str) -> None:
        for key in keys:
            self.s3.put_object(Bucket=self.images, Key=key, Body=b"image")

    def table(self) -> Any:
        place = {"glue.endpoint": self.aws.endpoint, "s3.endpoint": self.aws.endpoint}
        credentials = {"client.access-key-id": "test", "client.secret-access-key": "test", "client.region": REGION}
        return GlueCatalog("lake", **place, **credentials).create_table_if_not_exists(
            f"{self.database}.features", SCHEMA, location=f"s3://{self.lake}/warehouse/features"
        )

    def row(self, key: str, **changed: Any) -> dict[str, Any]:
        """A row of the table."""
        now = datetime(2026, 11, 20, 12, tzinfo=UTC)
        usual = {
            "key": key,
            "bucket": self.images,
            "label": key.rpartition("/")[0].rpartition("/")[2] or None,
            "etag": "e",
            "size": 5,
            "last_modified": now,
            "width": 10,
            "height": 10,
            "backbone": BACKBONE,
            "features": [0.5] * FEATURES,
            "error": None,
            "featurized_at": now,
            "batch_id": "b",
        }
        return usual | changed

    def append(self, *rows: dict[str, Any]) -> None:
        """One data file with these rows."""
        self.table().append(pa.Table.from_pylist(list(rows), SCHEMA))

    def dirty(self) -> list[str]:
        """The keys of the pending segments, in order."""
        import json

        found = self.aws.keys(self.lake, "queue/pending/")
        lines = [line for name in found for line in self._read(name).splitlines()]
        return sorted(json.loads(line)["key"] for line in lines)

    def _read(self, key: str) -> bytes:
        body: bytes = self.s3.get_object(Bucket=self.lake, Key=key)["Body"].read()
        return body

"""A feature table of one test, and what a refit of it leaves in the lake."""

import hashlib
import io
import json
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.parquet as pq

import refit_job
from pomona.projection import load_model
from pomona.table.feature_table import FeatureTable
from pomona.table.schema import COLUMNS

WHEN = datetime(2025, 1, 1, tzinfo=UTC)
SCHEMA = pa.schema([(name, arrow_type) for name, (arrow_type, _) in COLUMNS.items()])


class RefitTable:
    """A feature table of one test, and what a refit of it leaves in the lake."""

    def __init__(self, spark, s3, lake, database, folder, width):
        self.spark, self.s3, self.lake, self.database, self.width = spark, s3, lake, database, width
        content = f"a network of {width} features".encode()
        digest = hashlib.sha256(content).hexdigest()
        (folder / "tiny.tflite").write_bytes(content)
        description = {"format": 1, "name": "tiny", "digest": digest, "file": "tiny.tflite", "output_width": width}
        description["input"] = {"height": 8, "width": 8, "dtype": "uint8"}
        (folder / "tiny.json").write_text(json.dumps(description))
        self.backbone = f"tiny@{digest[:12]}"
        self.table = FeatureTable(spark, database, "features")
        self.table.create_if_missing()

    def add(self, rows):
        """Append rows, each a dictionary of key, label, features and, if it is not the key's, etag."""
        own = {"bucket": "images", "backbone": self.backbone, "error": None, "featurized_at": WHEN}
        table = pa.Table.from_pylist([own | {"etag": f"etag of {row['key']}"} | row for row in rows], SCHEMA)
        self.spark.createDataFrame(table).writeTo(self.table.name).append()

    def append(self, features, backbone=None, prefix="a", error=None):
        rows = [
            {
                "key": f'class {i % 3}/{prefix}{i:04d}, "x".jpg',
                "bucket": "images",
                "label": f"class {i % 3}",
                "backbone": backbone or self.backbone,
                "features": None if error else row,
                "error": error,
                "featurized_at": WHEN,
            }
            for i, row in enumerate(features)
        ]
        table = pa.Table.from_pylist(rows, SCHEMA)
        self.spark.createDataFrame(table).writeTo(self.table.name).append()

    def refit(self, components="10"):
        arguments = {"lake-bucket": self.lake, "database": self.database, "table": "features", "backbone": "tiny"}
        pairs = (arguments | {"components": components}).items()
        return refit_job.main([word for name, value in pairs for word in (f"--{name}", value)])

    def latest(self):
        return json.loads(self.read("results/latest.json"))

    def read(self, key):
        return self.s3.get_object(Bucket=self.lake, Key=key)["Body"].read()

    def result(self, name):
        return self.read(self.latest()["prefix"] + name)

    def model(self, folder):
        (folder / "model.npz").write_bytes(self.result("model.npz"))
        return load_model(folder / "model.npz")

    def parts(self):
        listed = self.s3.list_objects_v2(Bucket=self.lake, Prefix=self.latest()["prefix"] + "projections/")
        return [item["Key"] for item in listed["Contents"]]

    def projections(self):
        tables = [pq.read_table(io.BytesIO(self.read(key))) for key in self.parts()]
        return pa.concat_tables(tables).to_pandas().sort_values("key", ignore_index=True)

"""An AWS for the job's tests (moto over HTTP, with Glue's optimistic lock) and one Spark session for all of them."""

import hashlib
import json
import logging
import os
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from moto.core.exceptions import JsonRESTError
from moto.glue import responses
from moto.server import ThreadedMotoServer
from pyspark.sql import SparkSession

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-3"
update_table = responses.GlueResponse.update_table
glue_lock = threading.Lock()


def update_table_with_lock(self):
    """Glue refuses an UpdateTable whose VersionId is not the present one; moto does not."""
    with glue_lock:
        wanted = self.parameters.get("VersionId")
        table = self.glue_backend.get_table(self.parameters["DatabaseName"], self.parameters["TableInput"]["Name"])
        if wanted is not None and str(wanted) != str(table._current_version):
            raise JsonRESTError("ConcurrentModificationException", f"{wanted} is not the version of this table")
        return update_table(self)


@pytest.fixture(scope="session")
def aws() -> Iterator[str]:
    """The endpoint of an AWS of our own, in the environment of this process and of those that it starts."""
    with pytest.MonkeyPatch.context() as patch:
        logging.getLogger("werkzeug").setLevel(logging.WARNING)
        patch.setattr(responses.GlueResponse, "update_table", update_table_with_lock)
        server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
        server.start()
        host, port = server.get_host_and_port()
        for name, value in {
            "AWS_ENDPOINT_URL": f"http://{host}:{port}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
            "PYTHONPATH": str(ROOT / "emr_job"),
            "PYSPARK_PYTHON": sys.executable,
        }.items():
            patch.setenv(name, value)
        yield os.environ["AWS_ENDPOINT_URL"]
        server.stop()


@pytest.fixture(scope="session")
def s3(aws):
    return boto3.client("s3")


@pytest.fixture(scope="session")
def lake(s3) -> str:
    bucket = f"lake-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return bucket


@pytest.fixture
def images(s3) -> str:
    bucket = f"images-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    return bucket


def platform_settings(endpoint: str) -> dict[str, str]:
    """What a platform's spark-defaults.conf says."""
    jars = sorted((ROOT / ".venv" / "spark" / "jars").glob("*.jar"))
    return {
        "spark.master": "local[2]",
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        **{
            f"spark.sql.catalog.{catalog}.{name}": value
            for catalog in ("lake", "rival")
            for name, value in {
                "glue.endpoint": endpoint,
                "s3.endpoint": endpoint,
                "s3.path-style-access": "true",
            }.items()
        },
    }


@pytest.fixture(scope="session")
def spark(aws, lake, tmp_path_factory) -> Iterator[SparkSession]:
    from pomona.session import catalog_settings, start_session

    folder = tmp_path_factory.mktemp("spark")
    with pytest.MonkeyPatch.context() as patch:
        settings = platform_settings(aws) | catalog_settings(lake, "rival")
        settings |= {"spark.local.dir": str(folder), "spark.sql.warehouse.dir": str(folder)}
        (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        patch.setenv("SPARK_CONF_DIR", str(folder))
        patch.setenv("SPARK_HOME", str(next((ROOT / ".venv" / "spark").glob("lib/python*/site-packages/pyspark"))))
        session = start_session("tests", lake)
        yield session
        session.stop()


@pytest.fixture
def database(aws) -> str:
    name = f"pomona_{uuid.uuid4().hex[:8]}"
    boto3.client("glue").create_database(DatabaseInput={"Name": name})
    return name


@pytest.fixture(scope="session")
def backbones() -> Path:
    folder = ROOT / "backbones"
    description = json.loads((folder / "fruitnet.json").read_text())
    assert description["digest"] == hashlib.sha256((folder / "fruitnet.tflite").read_bytes()).hexdigest()
    return folder

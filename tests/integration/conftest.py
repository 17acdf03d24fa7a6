"""One AWS for the job's tests, one embedded AWS for the stacks, and one Spark session, for all modules of a process."""

import hashlib
import json
import os
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import boto3
import pytest
from pyspark.sql import SparkSession

from featurize_job import WORKERS
from pomona import backbone as backbone_module
from tests.local_server import LocalServer
from tests.parsed_models import share_parsed_models
from tests.refit_table import RefitTable

ROOT = Path(__file__).resolve().parents[2]
REGION = "eu-west-3"
# Small jobs spend their time on loading classes: C2 would compile beside them, and the jars are those of the lock.
# Without C2 the JVM has little room for compiled code: the queries of all tests would fill it, and be interpreted.
JAVA_OPTIONS = (
    "-XX:TieredStopAtLevel=1 -XX:ReservedCodeCacheSize=240m -XX:+UseSerialGC "
    "-XX:+UnlockDiagnosticVMOptions -XX:-BytecodeVerificationRemote"
)
share_parsed_models()


@dataclass(frozen=True)
class Aws:
    """The endpoint of an AWS of the tests' own, and a hand on its clock."""

    process: subprocess.Popen
    endpoint: str

    def put_back(self, bucket: str, prefix: str, hours: float) -> None:
        """Let the objects below a prefix be older by some hours."""
        self.process.stdin.write(json.dumps({"bucket": bucket, "prefix": prefix, "hours": hours}) + "\n")
        self.process.stdin.flush()
        assert int(self.process.stdout.readline()) > 0, f"nothing lies below {prefix}"


@pytest.fixture(scope="session")
def aws_process() -> Iterator[Aws]:
    command = [sys.executable, "-m", "tests.integration.aws_server"]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Aws(process, process.stdout.readline().strip())
        process.stdin.close()


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    """An embedded AWS for the modules that never restart it: a start takes longer than most of their tests.

    The names of stacks and of what has a fixed name must differ between these modules.
    """
    server = LocalServer(tmp_path_factory.mktemp("a state"))
    yield server
    server.stop()


def environment(endpoint: str) -> dict[str, str]:
    """What a process of the job's must have in its environment to find that AWS."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
        "PYTHONPATH": os.pathsep.join(str(ROOT / folder) for folder in ("contract", "emr_job")),
        "PYSPARK_PYTHON": sys.executable,
    }


@contextmanager
def environ(**values: str) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in values.items():
            patch.setenv(name, value)
        yield


@pytest.fixture(scope="module")
def aws(aws_process) -> Iterator[str]:
    """The endpoint of that AWS, in the environment; of a module, for the next may have another AWS or none."""
    with environ(**environment(aws_process.endpoint)):
        yield aws_process.endpoint


@pytest.fixture(scope="module")
def s3(aws):
    return boto3.client("s3")


@pytest.fixture(scope="session")
def lake(aws_process) -> str:
    bucket = f"lake-{uuid.uuid4().hex[:8]}"
    with environ(**environment(aws_process.endpoint)):
        boto3.client("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
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
        "spark.master": "local[2,4]",
        "spark.jars": ",".join(str(jar) for jar in jars),
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.defaultJavaOptions": JAVA_OPTIONS,
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
def spark_environment(aws_process, lake, tmp_path_factory) -> dict[str, str]:
    """Where spark-submit and a session find Spark, and the settings of this platform."""
    from pomona.spark_session import catalog_settings

    folder = tmp_path_factory.mktemp("spark")
    settings = platform_settings(aws_process.endpoint) | catalog_settings(lake, "rival")
    settings |= {"spark.local.dir": str(folder), "spark.sql.warehouse.dir": str(folder)}
    (folder / "spark-defaults.conf").write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
    home = next((ROOT / ".venv" / "spark").glob("lib/python*/site-packages/pyspark"))
    return {"SPARK_CONF_DIR": str(folder), "SPARK_HOME": str(home)}


@pytest.fixture(scope="session")
def session(aws_process, lake, spark_environment) -> Iterator[SparkSession]:
    from pomona.spark_session import start_session

    # not in the folder of this process, which is the repository; pytest's own may be too long for a socket's path
    with tempfile.TemporaryDirectory(prefix="pomona-") as sockets:
        settings = WORKERS | {"spark.python.unix.domain.socket.dir": sockets}
        with environ(**environment(aws_process.endpoint), **spark_environment):
            session = start_session("tests", lake, settings)
        yield session
        session.stop()


@pytest.fixture(scope="module")
def spark(aws, session, spark_environment) -> Iterator[SparkSession]:
    """One for all modules, in an environment where its driver, this process, finds what its tasks find."""
    with environ(**spark_environment):
        yield session


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


@pytest.fixture
def table_of_width(spark, s3, lake, database, tmp_path, monkeypatch):
    monkeypatch.setattr(backbone_module, "BACKBONES_FOLDER", tmp_path)
    s3.delete_object(Bucket=lake, Key="results/latest.json")  # of another test's table, which may be the newer one
    yield lambda width: RefitTable(spark, s3, lake, database, tmp_path, width)
    s3.delete_object(Bucket=lake, Key="results/latest.json")

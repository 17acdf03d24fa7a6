"""The job runs from its bundle alone: Spark, Java, Python and what `sam build` packed, and nothing of this project."""

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from tests.integration.conftest import JAVA_OPTIONS
from tests.local_server import REGION, ROOT, LocalServer

SPARK = ROOT / ".venv" / "spark"
PACKAGES = ("numpy", "pyarrow", "pandas", "PIL", "boto3", "obstore", "ai_edge_litert", "pomona")
BATCH = "20261121T080000000Z-0badcafe"
IMAGES = ("apple/apple-01.jpg", "banana/banana-01.jpg", "plum/16 bits.png")

PHONE = "apple/from a phone.heic"


def heic(file: Path) -> bytes:
    body = io.BytesIO()
    pillow_heif.from_pillow(Image.open(file)).save(body, format="HEIF")
    return body.getvalue()


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalServer]:
    server = LocalServer(tmp_path_factory.mktemp("state"))
    yield server
    server.stop()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder `bundle` of the package of PublishFunction."""
    artifacts = tmp_path_factory.mktemp("artifacts")
    subprocess.run([sys.executable, ROOT / "tools" / "build.py", "publish", artifacts], check=True)
    return artifacts / "bundle"


@pytest.fixture(scope="module")
def place(bundle: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where a run of EMR Serverless finds itself: the entry points, and each archive unpacked under its name."""
    folder = tmp_path_factory.mktemp("run")
    for name in ("featurize_job.py", "refit_job.py"):
        (folder / name).write_bytes((bundle / name).read_bytes())
    for name in ("job", "deps"):
        with tarfile.open(bundle / f"{name}.tar.gz") as archive:
            archive.extractall(folder / name, filter="data")
    return folder


def platform(aws: LocalServer, place: Path, python_path: str) -> dict[str, str]:
    """The environment of a driver: nothing of this process but where Java is."""
    (place / "conf").mkdir(exist_ok=True)
    jars = ":".join(str(jar) for jar in sorted((SPARK / "jars").glob("*.jar")))
    settings = {
        "spark.master": "local[2]",
        "spark.driver.host": "127.0.0.1",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.extraClassPath": jars,
        "spark.driver.defaultJavaOptions": JAVA_OPTIONS,
        "spark.local.dir": str(place),
        "spark.sql.catalog.lake.glue.endpoint": aws.endpoint,
        "spark.sql.catalog.lake.s3.endpoint": aws.endpoint,
        "spark.sql.catalog.lake.s3.path-style-access": "true",
    }
    (place / "conf" / "spark-defaults.conf").write_text("".join(f"{key} {value}\n" for key, value in settings.items()))
    (home,) = SPARK.glob("lib/python3*/site-packages/pyspark")
    return {
        **{name: os.environ[name] for name in ("JAVA_HOME",) if name in os.environ},
        "PATH": f"{SPARK / 'bin'}:/usr/bin:/bin",
        "HOME": str(place),
        "LANG": "C.UTF-8",
        "SPARK_HOME": str(home),
        "SPARK_CONF_DIR": str(place / "conf"),
        "SPARK_LOCAL_IP": "127.0.0.1",
        "PYTHONPATH": python_path,
        "PYSPARK_PYTHON": "python3.11",
        "PYSPARK_DRIVER_PYTHON": "python3.11",
        "AWS_ENDPOINT_URL": aws.endpoint,
        "AWS_ACCESS_KEY_ID": "local",
        "AWS_SECRET_ACCESS_KEY": "local",
        "AWS_REGION": REGION,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def submit(
    aws: LocalServer, place: Path, *words: str, python_path: str = "./job:./deps"
) -> subprocess.CompletedProcess:
    return subprocess.run(
        [str(SPARK / "bin" / "spark-submit"), *words],
        cwd=place,
        env=platform(aws, place, python_path),
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def lake(aws: LocalServer) -> str:
    """A lake with a batch of four images in flight."""
    s3 = aws.client("s3")
    for bucket in ("lake", "images"):
        s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": REGION})
    aws.client("glue").create_database(DatabaseInput={"Name": "pomona"})
    for key in IMAGES:
        s3.upload_file(str(ROOT / "samples" / "images" / key), "images", key)
    s3.put_object(Bucket="images", Key=PHONE, Body=heic(ROOT / "samples" / "images" / IMAGES[0]))
    segment = "queue/pending/20261121T080000000Z-000004-test-0.jsonl"
    seen = {"v": 1, "bucket": "images", "seen_at": "2026-11-21T08:00:00.000Z"}
    lines = "".join(json.dumps({**seen, "key": key}) + "\n" for key in (*IMAGES, PHONE))
    s3.put_object(Bucket="lake", Key=segment, Body=lines)
    active = {
        "format": 1,
        "batch_id": BATCH,
        "attempt": 1,
        "claimed_at": "2026-11-21T08:01:00.000Z",
        "segments": [{"name": segment, "keys": 4}],
        "application_id": "a",
        "parameters": {"name": f"featurize-{BATCH}-1"},
        "run_id": None,
        "keys": 4,
    }
    s3.put_object(Bucket="lake", Key="queue/active.json", Body=json.dumps(active))
    return "lake"


COMMON = ("--lake-bucket", "lake", "--database", "pomona", "--table", "features", "--backbone", "fruitnet")
FEATURIZE = (*COMMON, "--images-bucket", "images", "--batch-id", BATCH, "--attempt", "1")
LIMITS = (
    *("--max-image-bytes", "67108864", "--max-image-pixels", "100000000"),
    *("--max-decoded-bytes", "536870912", "--max-jpeg-scans", "100", "--timeout-minutes", "60"),
)


def test_the_place_has_python_and_none_of_the_projects_packages(aws: LocalServer, place: Path) -> None:
    code = f"import importlib.util as u; print([name for name in {PACKAGES} if u.find_spec(name)])"
    python = SPARK / "bin" / "python3.11"
    here = {**platform(aws, place, ""), "PYTHONPATH": ""}
    found = subprocess.run([python, "-c", code], cwd="/", env=here, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def test_the_bundles_description_is_true(bundle: Path) -> None:
    described = json.loads((bundle / "bundle.json").read_text())
    for name, digest in described["files"].items():
        assert hashlib.sha256((bundle / name).read_bytes()).hexdigest() == digest
    assert "fruitnet" in described["backbones"]


@pytest.mark.parametrize(("processes", "outcome"), [("2", "done"), ("0", "unchanged")])
def test_featurize_then_refit_run_from_the_bundle(
    processes: str, outcome: str, aws: LocalServer, place: Path, lake: str
) -> None:
    # Given a batch of four images in flight, one of them a HEIC
    # When featurize runs, and then a refit, on the driver alone, or with executors after it
    alone = ("--processes", processes)
    featurized = submit(aws, place, "featurize_job.py", *FEATURIZE, *LIMITS, *alone)
    assert featurized.returncode == 0, featurized.stdout[-4000:]
    refitted = submit(aws, place, "refit_job.py", *COMMON, "--components", "2", *alone)
    assert refitted.returncode == 0, refitted.stdout[-4000:]
    # Then all four have become rows and projections
    assert aws.read(lake, f"runs/{BATCH}-1.json")["images"][outcome] == 4
    latest = aws.read(lake, "results/latest.json")
    assert latest["components"] == 2
    assert f"{latest['prefix'].rstrip('/')}/report.html" in aws.keys(lake, "results/")


@pytest.mark.parametrize(("job", "arguments"), [("featurize", (*FEATURIZE, *LIMITS)), ("refit", COMMON)])
def test_an_archive_that_does_not_fit_is_named_in_one_sentence(
    job: str, arguments: tuple[str, ...], aws: LocalServer, place: Path
) -> None:
    # Given packages that another interpreter was meant to have
    broken = place / f"other-{job}"
    (broken / "numpy").mkdir(parents=True)
    (broken / "numpy" / "__init__.py").write_text("from numpy import _not_built_for_this_interpreter\n")
    # When the job starts with them
    ended = submit(
        aws,
        place,
        f"{job}_job.py",
        *arguments,
        *(("--components", "2") if job == "refit" else ()),
        python_path=f"./job:./{broken.name}",
    )
    # Then its last line says so
    assert ended.returncode != 0
    sentence = ended.stdout.strip().splitlines()[-1]  # spark-submit puts both streams of a driver there
    assert sentence.startswith(f"{job}: ")
    assert "the archive of packages does not fit Python 3.11" in sentence
    assert "build and deploy again" in sentence

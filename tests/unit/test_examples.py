"""The examples of the documents give what Pomona gives."""

import ast
import json
import re
import subprocess
import sys
from pathlib import Path

import boto3
import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from botocore.awsrequest import AWSResponse
from PIL import Image

from pomona.backbone import load_backbone
from pomona.identify.identifier import Identifier
from pomona.inference import InferenceEngine
from pomona.projection import load_model
from pomona.refit.second_pass import projections_schema
from tests.identify_results import BACKBONES, FRUITS, IMAGES, LIMITS, fitted_results

ROOT = Path(__file__).resolve().parents[2]
ON_DEVICE = ROOT / "docs" / "examples" / "identify_on_device.py"
SAMPLES = sorted(path for path in IMAGES.rglob("*") if path.is_file() and path.parent.name != "broken")
OF_EIGHT_BITS = [path for path in SAMPLES if path.name != "16 bits.png"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    file = tmp_path_factory.mktemp("results") / "model.npz"
    file.write_bytes(fitted_results(FRUITS)[0])
    return file


def on_device(model, *files):
    """What the script prints: a class and a probability for each file."""
    command = [sys.executable, ON_DEVICE, model, BACKBONES / "fruitnet.tflite", *files]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    return [(label, float(percent)) for label, percent, _ in (line.split("\t") for line in said)]


def identified(model, *files):
    """What `pomona identify` says of each file."""
    engine = InferenceEngine(load_backbone("fruitnet", BACKBONES))
    identifier = Identifier(load_model(model), None, engine, LIMITS)
    best = [identifier.identify(file.read_bytes(), 1, 0).candidates[0] for file in files]
    return [(one.label, pytest.approx(100 * one.probability, abs=1e-3)) for one in best]


def test_a_device_says_of_the_samples_what_pomona_says(model):
    assert len(OF_EIGHT_BITS) > 90
    assert on_device(model, *OF_EIGHT_BITS) == identified(model, *OF_EIGHT_BITS)


def test_a_device_says_of_a_large_photograph_what_pomona_says(model, tmp_path):
    # Given a photograph that is stored on its side, and is decoded at a fraction of its size
    file = tmp_path / "photograph.jpg"
    exif = Image.Exif()
    exif[0x0112] = 6
    with Image.open(IMAGES / "kiwi/kiwi-11.jpg") as image:
        image.resize((1600, 1200)).save(file, exif=exif)
    assert on_device(model, file) == identified(model, file)


def test_the_example_for_devices_imports_numpy_pillow_and_litert_alone():
    imports = [
        node for node in ast.walk(ast.parse(ON_DEVICE.read_text())) if isinstance(node, ast.Import | ast.ImportFrom)
    ]
    names = {
        name.partition(".")[0]
        for node in imports
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert names - set(sys.stdlib_module_names) == {"numpy", "PIL", "ai_edge_litert"}


def test_a_model_without_classes_gets_a_sentence(tmp_path):
    file = tmp_path / "model.npz"
    file.write_bytes(fitted_results(("kiwi",))[0])
    command = [sys.executable, ON_DEVICE, file, BACKBONES / "fruitnet.tflite", IMAGES / "kiwi/kiwi-11.jpg"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (ended.returncode, "has no classes" in ended.stderr) == (1, True)


PROJECTIONS = {
    "kiwi/kiwi-03.jpg": [1.0, 0.0],
    "kiwi/kiwi-04.jpg": [1.0, 0.1],
    "zero.jpg": [0.0, 0.0],
    "a.jpg": [-1.0, 1.0],
}


@pytest.fixture
def results(tmp_path, monkeypatch):
    """A folder `results` below the working directory, as `aws s3 sync` copies it."""
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "results" / "projections"
    folder.mkdir(parents=True)
    schema = projections_schema(2)
    rows = [
        {"key": key, "label": key.rpartition("/")[0] or None, "pc_1": x, "pc_2": y}
        for key, (x, y) in PROJECTIONS.items()
    ]
    pq.write_table(pa.Table.from_pylist(rows, schema), folder / "part-00000.parquet")
    (tmp_path / "results" / "model.json").write_text(json.dumps({"snapshot_id": 7}))


def code_of_search():
    """The blocks of Python in docs/search.md: filling an index, querying it, DuckDB."""
    return re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "search.md").read_text(), re.DOTALL)


class VectorService:
    """A client of S3 Vectors whose requests botocore has checked against its model, and that are answered here."""

    def __init__(self):
        self.client = boto3.client("s3vectors", "eu-west-3", aws_access_key_id="test", aws_secret_access_key="test")
        self.client.meta.events.register("before-send", self.answer)
        self.asked = []

    def answer(self, request, **_):
        operation, body = request.url.rpartition("/")[2], json.loads(request.body)
        self.asked.append((operation, body))
        stored = {"key": "kiwi/kiwi-03.jpg", "data": {"float32": [1.0, 0.0]}, "distance": 0.25}
        answer = {"vectors": [stored]} if operation in ("GetVectors", "QueryVectors") else {}

        class Raw:
            def stream(self, *_, **__):
                yield json.dumps(answer).encode()

        return AWSResponse(request.url, 200, {"content-type": "application/json"}, Raw())


def test_the_recipe_for_s3_vectors_sends_what_the_service_takes(results, monkeypatch):
    # Given the recipe, and a service that checks each request against the model of AWS
    service = VectorService()
    monkeypatch.setattr(boto3, "client", lambda name: {"s3vectors": service.client}[name])
    # When the recipe is carried out
    fill, query, _ = code_of_search()
    names = {}
    exec(fill + query, names)
    found = names["similar"]("kiwi/kiwi-03.jpg", 5)
    # Then it makes an index of the projections, without the vector that has no cosine, and asks it
    operations = [operation for operation, _ in service.asked]
    assert operations == ["CreateVectorBucket", "CreateIndex", "PutVectors", "GetVectors", "QueryVectors"]
    bodies = dict(service.asked)
    assert (bodies["CreateIndex"]["indexName"], bodies["CreateIndex"]["dimension"]) == ("refit-7", 2)
    put = {one["key"]: (one["data"]["float32"], one["metadata"]["label"]) for one in bodies["PutVectors"]["vectors"]}
    assert put["a.jpg"] == ([-1.0, 1.0], "")
    assert sorted(put) == sorted(PROJECTIONS.keys() - {"zero.jpg"})
    assert (bodies["QueryVectors"]["topK"], bodies["QueryVectors"]["queryVector"]) == (5, {"float32": [1.0, 0.0]})
    assert found == [("kiwi/kiwi-03.jpg", 0.75)]


def test_the_recipe_names_the_limits_of_the_service():
    # Given the model of AWS
    operations = boto3.client("s3vectors", "eu-west-3").meta.service_model
    shape = operations.operation_model("PutVectors").input_shape.members["vectors"]
    dimension = operations.operation_model("CreateIndex").input_shape.members["dimension"]
    # Then the limits in the recipe are its
    fill, _, _ = code_of_search()
    assert f'MOST_VECTORS = "pomona-vectors", {shape.metadata["max"]}' in fill
    assert dimension.metadata["max"] == 4096


def test_the_query_for_duckdb_finds_the_nearest_first(results):
    names = {"duckdb": duckdb}
    exec(code_of_search()[2], names)
    first, second, *_ = [row for row in names["nearest_by_duckdb"] if row[2] is not None and not np.isnan(row[2])]
    assert (first[0], first[2]) == ("kiwi/kiwi-03.jpg", pytest.approx(1))
    assert (second[0], second[1], second[2]) == ("kiwi/kiwi-04.jpg", "kiwi", pytest.approx(1 / np.sqrt(1.01)))

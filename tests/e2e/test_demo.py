"""The main job, end to end, on the sample images: what `make demo` shows is what the bucket holds."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from demo.rounds import files_below, plan
from embedded_aws.proxies import exempt_from_proxies
from tests.e2e.conftest import SAMPLES, Demo

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.timeout(1500)


@pytest.fixture(scope="module")
def frame(demo: Demo) -> pd.DataFrame:
    return pq.read_table(demo.out / "features.parquet").to_pandas()


def test_the_last_line_counts_what_is_there(demo: Demo, frame: pd.DataFrame):
    model = json.loads((demo.out / "results" / "model.json").read_text())
    assert demo.figures["images"] == len(files_below(SAMPLES)) == len(frame)
    assert demo.figures["features"] == frame["features"].notna().sum()
    assert demo.figures["errors"] == frame["error"].notna().sum() == 5
    # one for each round, and one more where a slow machine drops its images in two batches
    assert demo.figures["runs"] in (2, 3)
    assert demo.figures["components"] == len(np.load(demo.out / "results" / "model.npz")["components"])
    assert demo.figures["variance"] == pytest.approx(model["variance"], abs=0.005)
    assert demo.figures["variance"] >= 0.95


def test_every_object_has_one_row_with_its_own_name_and_label(frame: pd.DataFrame):
    assert sorted(frame["key"]) == sorted(put.key for put in files_below(SAMPLES))
    assert all(row.key.split("/")[-2] == row.label for row in frame.itertuples())


def counts_of(printed: str, lane: str) -> Counter[str]:
    """What the runs of a lane did, by the demo's lines."""
    total: Counter[str] = Counter()
    for line in printed.splitlines():
        if f"  {lane} run " in line:
            said = line.split(": ", 1)[1].split(" in ")[0]
            total += Counter({name: int(count) for count, name in re.findall(r"(\d+) (\w+)", said)})
    return total


def test_the_second_round_is_incremental_and_says_which_lane_did_what(demo: Demo):
    # Given the rounds: the second adds some images, changes some and deletes some
    rounds = plan(files_below(SAMPLES))
    first, second = demo.printed.split("round 2: ")
    added = {put.key for put in rounds.second} - {put.key for put in rounds.first}
    # Then the first went through Spark
    assert counts_of(first, "cluster")["done"] > 0
    # And of the second the express lane did what was new, and left the rest to Spark
    quick, slow = counts_of(second, "express"), counts_of(second, "cluster")
    assert quick["done"] + quick["errors"] == len(added) > 0
    assert quick["deferred"] == len(rounds.second) - len(added) + len(rounds.deleted)
    assert slow["done"] + slow["errors"] == len(rounds.second) - len(added)
    assert slow["deleted"] == len(rounds.deleted)
    assert quick["unread"] == slow["unread"] == 0


def test_no_function_warns_of_anything_while_all_goes_well(demo: Demo):
    # A function catches what must not cost an event or a row, and only warns: here nothing may have gone wrong.
    logs = list((demo.state / "logs" / "functions").glob("*.log"))
    lines = [line for log in logs for line in log.read_text().splitlines() if '"level":"' in line]
    assert len(lines) > 10
    assert not [line for line in lines if json.loads(line)["level"] in ("WARNING", "ERROR", "CRITICAL")]


def test_an_image_that_cannot_be_read_is_a_row_with_a_reason_for_people(frame: pd.DataFrame):
    failed = frame[frame["error"].notna()]
    assert failed["features"].isna().all()
    assert set(failed["label"]) == {"broken"}
    assert not failed["error"].str.contains("Traceback|Error\\(|<_io|0x", regex=True).any()


def test_the_features_tell_the_classes_apart(frame: pd.DataFrame):
    known = frame[frame["features"].notna()]
    features = np.stack(known["features"]).astype(float)
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    nearest = np.argmax(features @ features.T - 2 * np.eye(len(features)), axis=1)
    assert np.mean(known["label"].to_numpy()[nearest] == known["label"].to_numpy()) > 0.9


def test_the_refit_agrees_with_scikit_learn(demo: Demo, frame: pd.DataFrame):
    features = np.stack(frame["features"].dropna()).astype(float)
    model = np.load(demo.out / "results" / "model.npz")
    reference = PCA(svd_solver="full").fit(StandardScaler().fit_transform(features))
    kept = len(model["components"])
    np.testing.assert_allclose(model["explained_variance_ratio"], reference.explained_variance_ratio_[:kept], atol=1e-8)
    cosines = np.abs(np.sum(model["components"] * reference.components_[:kept], axis=1))
    np.testing.assert_allclose(cosines[:10], 1, atol=1e-6)


def test_everything_that_is_promised_is_in_the_folder(demo: Demo):
    for name in (
        "report.html",
        "results/scree.png",
        "results/components.png",
        "results/projections.csv",
        "results/projections.csv.gz",
        "results/model.npz",
    ):
        assert (demo.out / name).stat().st_size > 0
    assert list((demo.out / "results" / "projections").glob("*.parquet"))
    assert "://" not in (demo.out / "report.html").read_text().replace("http://www.w3.org/", "")


def test_the_report_shows_what_each_run_was_billed(demo: Demo):
    page = (demo.out / "report.html").read_text()
    section = page.partition("<h2>Featurize runs</h2>")[2].partition("</section>")[0]
    costs = re.findall(r"<td>(\d\.\d{4,}) USD</td>", section)
    assert len(costs) == demo.figures["runs"]
    assert all(float(cost) > 0 for cost in costs)


def snippets(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)


def test_the_python_of_the_readme_runs(demo: Demo, proxied: dict[str, str]):
    code = "\n".join(snippets("python"))
    proof = "print(table.num_rows, len(frame), features.shape, len(failed), projected.shape)"
    known = {"AWS_ENDPOINT_URL": demo.endpoint, "AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    environment = {**proxied, **known, "AWS_DEFAULT_REGION": "eu-west-3", "PYTHONPATH": str(ROOT / "emr_job")}
    exempt_from_proxies("127.0.0.1", environment)  # the user's shell has what `make up` told it to export
    command = [sys.executable, "-c", f"{code}\n{proof}"]
    done = subprocess.run(command, cwd=demo.out.parent, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    rows, kept = int(demo.figures["features"]), int(demo.figures["components"])
    assert done.stdout.strip() == f"{rows} {rows} ({rows}, 1280) 5 ({rows}, {kept})"


@pytest.mark.parametrize(
    ("words", "expected"), [(["status"], "in flight  nothing"), (["export", "-", "--format", "csv"], "kiwi-00.jpg")]
)
def test_the_command_line_reaches_the_embedded_aws_without_the_proxy(
    demo: Demo, proxied: dict[str, str], words: list[str], expected: str
):
    known = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_REGION": "eu-west-3"}
    path = os.pathsep.join(str(ROOT / folder) for folder in ("cli", "contract", "functions"))
    command = [sys.executable, "-c", "from pomona_cli.main import main; main()", *words]
    done = subprocess.run(
        [*command, "--endpoint-url", demo.endpoint],
        env=proxied | known | {"PYTHONPATH": path},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert expected in done.stdout


def test_the_sql_of_the_readme_runs(demo: Demo):
    import duckdb

    # Athena's SQL on the same rows: nothing in it is Athena's alone
    with duckdb.connect() as connection:
        connection.execute("CREATE SCHEMA pomona")
        connection.execute(f"CREATE VIEW pomona.features AS SELECT * FROM '{demo.out / 'features.parquet'}'")
        (query,) = snippets("sql")
        counted = connection.execute(query).fetchall()
    assert sum(images for _, images, _ in counted) == demo.figures["images"]
    assert sum(errors for _, _, errors in counted) == demo.figures["errors"]

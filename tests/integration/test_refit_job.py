"""The whole refit job on Spark, Iceberg and an S3 over HTTP, against scikit-learn and Spark ML on the same table."""

import gzip
import io
import json
from datetime import UTC, datetime, timedelta

import duckdb
import numpy as np
import pandas as pd
import pyarrow.csv
import pytest
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from pomona.projection import project
from pomona.pyiceberg_table.snapshot import PinnedTable
from pomona.table.maintenance import TableMaintenance
from pomona_contract.documents.nothing_to_fit import NothingToFit
from pomona_contract.lake_layout import NOTHING_TO_FIT

WHEN = datetime(2025, 1, 1, tzinfo=UTC)


def mixed(n, width, seed=0):
    """Rows whose columns depend on each other, like features do, as float32."""
    random = np.random.default_rng(seed)
    hidden = random.normal(size=(n, width)) * np.linspace(3, 0.2, width)
    return np.maximum(hidden @ random.normal(size=(width, width)) / 8 + 1, 0).astype(np.float32)


def reference(features, k):
    scaled = StandardScaler().fit_transform(features.astype(np.float64))
    return PCA(k, svd_solver="full").fit(scaled)


def up_to_sign(ours, theirs):
    """Largest difference between matching components, either of which may point the other way."""
    signs = np.sign(np.einsum("ij,ij->i", ours, theirs))
    return np.abs(ours * signs[:, None] - theirs).max()


@pytest.mark.parametrize(("n", "width", "k"), [(300, 64, 10), (400, 1280, 50)])
def test_the_same_as_scikit_learn(table_of_width, tmp_path, n, width, k):
    # Given a table of features, one of whose columns is constant
    table, features = table_of_width(width), mixed(n, width)
    features[:, 5] = 0.1
    table.append(features)
    # When it is refitted
    assert table.refit(str(k)) == 0
    # Then components and shares of variance are scikit-learn's
    model, theirs = table.model(tmp_path), reference(features, k)
    assert up_to_sign(model.components, theirs.components_) < 1e-6
    np.testing.assert_allclose(model.explained_variance_ratio, theirs.explained_variance_ratio_, rtol=0, atol=1e-8)
    assert (model.scale[5], model.std[5]) == (0, 0)


def test_the_same_as_spark_ml(table_of_width, tmp_path, spark):
    from pyspark.ml.feature import PCA as SparkPCA
    from pyspark.ml.feature import StandardScaler as SparkScaler
    from pyspark.ml.functions import array_to_vector

    table = table_of_width(64)
    table.append(mixed(300, 64))
    assert table.refit("10") == 0
    # When Spark ML fits the same table
    rows = spark.table(table.table.name).withColumn("v", array_to_vector("features"))
    scaler = SparkScaler(inputCol="v", outputCol="s", withMean=True, withStd=True).fit(rows)
    theirs = SparkPCA(k=10, inputCol="s", outputCol="p").fit(scaler.transform(rows))
    # Then scaler and components agree
    model = table.model(tmp_path)
    np.testing.assert_allclose(model.std, scaler.std.toArray(), rtol=1e-9)
    assert up_to_sign(model.components, theirs.pc.toArray().T) < 1e-6
    np.testing.assert_allclose(model.explained_variance_ratio, theirs.explainedVariance.toArray(), atol=1e-8)


def test_projections_are_what_project_gives_and_csv_says_the_same(table_of_width, tmp_path):
    table, features = table_of_width(64), mixed(300, 64)
    table.append(features)
    assert table.refit("0.9") == 0
    model, projections = table.model(tmp_path), table.projections()
    by_key = np.array([int(key.split("/a")[1][:4]) for key in projections["key"]])
    coordinates = projections.filter(like="pc_").to_numpy()
    np.testing.assert_allclose(coordinates, project(features[by_key], model), atol=1e-9)
    csv = pd.read_csv(io.BytesIO(table.result("projections.csv"))).sort_values("key", ignore_index=True)
    pd.testing.assert_frame_equal(csv, projections, check_dtype=False)
    assert gzip.decompress(table.result("projections.csv.gz")) == table.result("projections.csv")
    assert 0.9 <= table.latest()["variance"] < 0.95
    assert table.latest()["components"] == coordinates.shape[1]


def test_readers_of_csv_take_the_compressed_projections(table_of_width, tmp_path, spark, monkeypatch):
    # Given projections that were written in several batches
    monkeypatch.setattr("pomona.refit.projection_exports.ROWS_PER_BATCH", 100)
    table = table_of_width(64)
    table.append(mixed(300, 64))
    assert table.refit("10") == 0
    file = tmp_path / "projections.csv.gz"
    file.write_bytes(table.result(file.name))
    # When pandas, DuckDB, Arrow and Spark read the compressed file
    found = [
        pd.read_csv(file),
        duckdb.read_csv(str(file)).df(),
        pyarrow.csv.read_csv(file).to_pandas(),
        spark.read.csv(str(file), header=True, inferSchema=True, escape='"').toArrow().to_pandas(),
    ]
    # Then each has all rows
    projections = table.projections()
    for rows in found:
        rows = rows.sort_values("key", ignore_index=True)
        assert list(rows["key"]) == list(projections["key"])
        np.testing.assert_allclose(rows["pc_10"], projections["pc_10"])


def test_other_backbones_errors_and_unusable_rows_are_left_out(table_of_width, tmp_path):
    # Given a table whose rows are not all of the current backbone, or have no features, or unusable ones
    table, features = table_of_width(64), mixed(100, 64)
    table.append(features)
    table.append(mixed(20, 64, seed=1) + 50, backbone="tiny@0123456789ab", prefix="b")
    table.append([None] * 5, error="not an image: it is text", prefix="c")
    table.append([np.zeros(64, np.float32), np.full(64, np.nan, np.float32)], prefix="d")
    # When it is refitted
    assert table.refit("5") == 0
    # Then the model is that of the sound rows, and says how many were left out
    model = table.model(tmp_path)
    np.testing.assert_allclose(model.mean, features.mean(axis=0, dtype=np.float64), rtol=1e-12)
    assert model.rows == len(table.projections()) == 100
    assert "2 images were left out" in model.notes[0]
    assert b"not an image: it is text" in table.result("report.html")


def test_deleted_and_replaced_rows_are_read_as_the_table_has_them(table_of_width, tmp_path, spark):
    # Given three files of which each has lost rows, twice, and got new versions of others
    table, features = table_of_width(64), mixed(90, 64)
    for i in range(3):
        table.append(features[30 * i : 30 * i + 30], prefix=f"{i}-")
    name = table.table.name
    spark.sql(f"DELETE FROM {name} WHERE key LIKE '%0007%' OR key LIKE '%0029%'")
    spark.sql(f"DELETE FROM {name} WHERE key LIKE '%0000%' OR key LIKE '%/1-%02%'")
    spark.sql(f"UPDATE {name} SET features = transform(features, x -> x * 2) WHERE key LIKE '%001%'")
    spark.sql(f"UPDATE {name} SET error = 'not an image', features = NULL WHERE key LIKE '%0021%'")
    present = spark.table(name).toArrow()
    # When it is refitted
    assert table.refit("5") == 0
    # Then it was fitted to what Spark itself reads
    rows = present.filter(present["error"].is_null())
    assert sorted(table.projections()["key"]) == sorted(rows["key"].to_pylist())
    model = table.model(tmp_path)
    theirs = np.array(rows["features"].to_pylist(), np.float64)
    np.testing.assert_allclose(model.mean, theirs.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(model.std, theirs.std(axis=0, ddof=1), rtol=1e-9)


def test_deletions_of_a_kind_that_no_run_writes_are_refused(table_of_width, spark, capsys):
    # Given a table that another program has deleted from by value
    table = table_of_width(64)
    table.append(mixed(30, 64))
    iceberg, loaded = spark._jvm.org.apache.iceberg, table.table.load()
    field = spark.sparkContext._gateway.new_array(spark._jvm.int, 1)
    field[0] = 1
    delete = iceberg.FileMetadata.deleteFileBuilder(loaded.spec()).ofEqualityDeletes(field)
    delete = delete.withPath(f"{loaded.location()}/data/by-value.parquet").withFormat("PARQUET")
    loaded.newRowDelta().addDeletes(delete.withFileSizeInBytes(100).withRecordCount(1).build()).commit()
    # Then the refit does not show deleted images, but says what to do
    assert table.refit("5") == 1
    assert "equality deletes" in (said := capsys.readouterr().err)
    assert "rewrite_data_files" in said


def test_two_refits_agree_bit_for_bit_and_leave_one_set_of_parts(table_of_width, s3, lake):
    # Given a refitted table of several files, and a part of an earlier refit that had more partitions
    table = table_of_width(64)
    for i in range(3):
        table.append(mixed(50, 64, seed=i), prefix=f"{i}-")
    assert table.refit("0.8") == 0
    first = {name: table.result(name) for name in ("model.npz", "projections.csv")}
    parts = {key: table.read(key) for key in table.parts()}
    s3.put_object(Bucket=lake, Key=table.latest()["prefix"] + "projections/part-00099.parquet", Body=b"stale")
    # When it is refitted
    assert table.refit("0.8") == 0
    # Then nothing differs
    assert {key: table.read(key) for key in table.parts()} == parts
    assert {name: table.result(name) for name in first} == first


def test_fewer_images_than_components(table_of_width, tmp_path, caplog):
    table = table_of_width(64)
    table.append(mixed(8, 64))
    assert table.refit("100") == 0
    assert table.latest()["components"] == 7
    assert "100 components were asked for and 7 kept" in table.model(tmp_path).notes[0]
    assert "100 components were asked for and 7 kept" in caplog.text
    assert b"100 components were asked for and 7 kept" in table.result("report.html")


def test_what_cannot_be_refitted_ends_with_one_sentence(table_of_width, capsys):
    table = table_of_width(64)
    assert table.refit() == 1
    assert "no featurize run has published yet" in capsys.readouterr().err
    table.append(mixed(1, 64))
    assert table.refit("1.5") == 1
    assert "components is '1.5'" in capsys.readouterr().err


def test_nothing_to_fit_is_a_note_and_no_failure(table_of_width, s3, lake, caplog):
    # Given one image with features of this backbone, two of another, and an error
    table = table_of_width(64)
    table.append(mixed(1, 64))
    table.append(mixed(2, 64), backbone="other@1", prefix="b")
    table.append(mixed(1, 64), prefix="c", error="broken")
    # When the table is refitted
    assert table.refit() == 0
    # Then a note says why there are no results, also in the log
    note = NothingToFit.from_json(table.read(NOTHING_TO_FIT))
    assert note.reason == "PCA needs at least 2 images with features, and the table has 1"
    assert (note.stale, note.backbone, note.components_asked) == (2, table.backbone, "10")
    assert note.reason in caplog.text
    assert not s3.list_objects_v2(Bucket=lake, Prefix="results/latest.json").get("Contents")
    # And the next refit with results removes it, and counts what the table has
    table.append(mixed(3, 64, seed=1), prefix="d")
    assert table.refit() == 0
    assert not s3.list_objects_v2(Bucket=lake, Prefix=NOTHING_TO_FIT).get("Contents")
    latest = table.latest()
    assert [latest[name] for name in ("rows", "images", "errors", "classes")] == [4, 7, 1, 3]


def test_a_snapshot_that_expires_during_the_refit_leaves_no_results(table_of_width, monkeypatch, s3, lake, capsys):
    # Given a refit that has looked up its files when an erasure takes the snapshot and them away
    table = table_of_width(64)
    table.append(mixed(30, 64))
    planned, snapshot = PinnedTable.files, table.spark.table(f"{table.table.name}.snapshots").collect()[0].snapshot_id

    def then_erased(pinned):
        files = planned(pinned)
        table.spark.sql(f"DELETE FROM {table.table.name} WHERE key LIKE '%000%'")
        list(TableMaintenance(table.table, timedelta()).thorough(keep=timedelta()))
        return files

    monkeypatch.setattr(PinnedTable, "files", then_erased)
    # Then it ends with a sentence, and nothing shows what was erased
    assert table.refit("3") == 1
    assert "expired during the refit" in capsys.readouterr().err
    assert "Contents" not in s3.list_objects_v2(Bucket=lake, Prefix=f"results/{snapshot}/")
    assert "Contents" not in s3.list_objects_v2(Bucket=lake, Prefix="results/latest.json")


def test_latest_names_the_snapshot_that_was_read(table_of_width):
    table = table_of_width(64)
    table.append(mixed(30, 64))
    assert table.refit("3") == 0
    earlier = table.latest()
    table.append(mixed(30, 64, seed=2), prefix="b")
    assert table.refit("3") == 0
    later = table.latest()
    assert later["sequence_number"] > earlier["sequence_number"]
    assert (earlier["rows"], later["rows"]) == (30, 60)
    assert later["prefix"] == f"results/{later['snapshot_id']}/"


def test_the_results_of_a_table_that_was_made_anew_replace_those_of_the_dropped_one(table_of_width, spark):
    # Given results of a table with several commits
    table = table_of_width(64)
    for number in range(3):
        table.append(mixed(20, 64, seed=number), prefix=f"{number}-")
    assert table.refit("3") == 0
    dropped = table.latest()
    assert json.loads(table.result("model.json"))["table_uuid"] == dropped["table_uuid"]
    # When the table is dropped and made anew, and has fewer commits
    spark.sql(f"DROP TABLE {table.table.name}")
    table.table.create_if_missing()
    table.append(mixed(30, 64, seed=9))
    assert table.refit("3") == 0
    # Then latest.json names the new table's results
    newest = table.latest()
    assert newest["table_uuid"] == str(table.table.load().uuid().toString()) != dropped["table_uuid"]
    assert newest["sequence_number"] < dropped["sequence_number"]
    assert newest["rows"] == 30


def test_a_table_that_is_dropped_during_the_refit_leaves_no_results(table_of_width, monkeypatch, s3, lake, capsys):
    table = table_of_width(64)
    table.append(mixed(30, 64))
    planned = PinnedTable.files

    def then_dropped(pinned):
        files = planned(pinned)
        table.spark.sql(f"DROP TABLE {table.table.name}")
        return files

    monkeypatch.setattr(PinnedTable, "files", then_dropped)
    assert table.refit("3") == 1
    assert "expired during the refit: its results are removed" in capsys.readouterr().err
    assert "Contents" not in s3.list_objects_v2(Bucket=lake, Prefix="results/latest.json")


def test_a_refit_with_other_components_leaves_the_results_whole_that_latest_named(table_of_width):
    # Given results of a snapshot
    table = table_of_width(64)
    table.append(mixed(30, 64))
    assert table.refit("5") == 0
    earlier = table.latest()
    files = {key: table.read(key) for key in (*table.parts(), earlier["prefix"] + "model.npz")}
    # When the same snapshot is refitted with other components
    assert table.refit("3") == 0
    # Then they lie beside the earlier ones, of which nothing has changed
    newest = table.latest()
    assert (newest["components"], newest["components_asked"]) == (3, "3")
    assert newest["snapshot_id"] == earlier["snapshot_id"]
    assert newest["prefix"] != earlier["prefix"]
    assert {key: table.read(key) for key in files} == files
    assert table.projections().filter(like="pc_").shape == (30, 3)

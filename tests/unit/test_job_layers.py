"""What the parts of the job import: few need Spark or S3, and what runs before the archive is checked needs neither."""

import os
import pkgutil
import subprocess
import sys
from pathlib import Path

import pytest

import pomona.imaging
import pomona.pca

ROOT = Path(__file__).resolve().parents[2]
PCA = {"pomona.pca", "pomona.pca.comoments", "pomona.pca.component_choice", "pomona.pca.model"}


def loaded_by(*modules: str) -> set[str]:
    """The modules that an interpreter of its own loads for these, without the standard library's."""
    code = (
        "import sys, importlib; before = set(sys.modules)\n"
        f"for name in {modules!r}: importlib.import_module(name)\n"
        "loaded = set(sys.modules) - before\n"
        "print(*(name for name in loaded if name.split('.')[0] not in sys.stdlib_module_names))"
    )
    path = os.pathsep.join(str(ROOT / folder) for folder in ("emr_job", "contract"))
    environment = os.environ | {"PYTHONPATH": path}
    command = [sys.executable, "-c", code]
    found = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return set(found.stdout.split())


def roots(modules: set[str]) -> set[str]:
    return {name.partition(".")[0] for name in modules}


def below(package) -> list[str]:
    found = pkgutil.walk_packages(package.__path__, f"{package.__name__}.")
    return [module.name for module in found]


def test_a_projection_needs_numpy_the_pca_and_the_linear_classifier_alone():
    loaded = loaded_by("pomona.projection")
    assert roots(loaded) == {"pomona", "numpy"}
    own = {"pomona.projection", "pomona.errors", "pomona.classifier", "pomona.classifier.lda"}
    assert {name for name in loaded if name.startswith("pomona.")} == PCA | own


@pytest.mark.parametrize("package", [pomona.imaging, pomona.pca])
def test_images_and_the_pca_know_neither_s3_nor_spark(package):
    loaded = loaded_by(*below(package))
    assert not {"pyspark", "boto3", "botocore", "obstore"} & roots(loaded)
    assert not {name for name in loaded if name.startswith(("pomona.s3", "pomona.table", "pomona.spark_session"))}


@pytest.mark.parametrize("job", ["featurize", "refit"])
def test_arguments_are_parsed_without_the_packages_of_the_archive(job):
    assert roots(loaded_by(f"pomona.{job}.arguments")) <= {"pomona", "pomona_contract"}


@pytest.mark.parametrize(("job", "other"), [("featurize", "refit"), ("refit", "featurize")])
def test_the_jobs_do_not_import_each_other(job, other):
    assert not [name for name in loaded_by(f"pomona.{job}.run") if name.startswith(f"pomona.{other}")]

"""tools/build.py: what is built twice is the same, and what Lambda would refuse is refused before."""

import importlib.util
import os
import re
from pathlib import Path

import pytest

SPEC = importlib.util.spec_from_file_location("build", Path(__file__).resolve().parents[2] / "tools" / "build.py")
assert SPEC
assert SPEC.loader
build = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(build)


def test_a_package_that_lambda_would_refuse_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "UNPACKED_LIMIT_BYTES", 1024**2)
    (tmp_path / "PublishFunction" / "bundle").mkdir(parents=True)
    (tmp_path / "PublishFunction" / "bundle" / "deps.tar.gz").write_bytes(bytes(3 * 1024**2))
    with pytest.raises(SystemExit, match=r"PublishFunction has 3 MB unpacked, Lambda takes 1; .*fruitnet.*build again"):
        build.refuse_above_limit(tmp_path / "PublishFunction")


def test_an_archive_depends_on_names_and_contents_alone(tmp_path: Path) -> None:
    for name in ("one", "two"):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "a.py").write_text("a")
        (folder / "b.py").write_text("b")
    archives = [tmp_path / "1.tar.gz", tmp_path / "2.tar.gz"]
    os.utime(tmp_path / "one" / "a.py", (1, 1))
    build.write_archive(archives[0], build.files_below(tmp_path / "one"))
    build.write_archive(archives[1], build.files_below(tmp_path / "two"))
    assert archives[0].read_bytes() == archives[1].read_bytes()


def test_a_bundles_digest_changes_with_each_of_its_files(tmp_path: Path) -> None:
    def digest_with(content: str) -> str:
        folder = tmp_path / content
        folder.mkdir()
        (folder / "featurize_job.py").write_text(content)
        (folder / "deps.tar.gz").write_text("packages")
        build.describe(folder)
        return (folder / "bundle.json").read_text().split('"digest": "')[1][:64]

    assert digest_with("a") != digest_with("b")


def test_a_package_has_the_models_of_every_service_that_the_functions_call() -> None:
    # Given every client that the functions make; a model that was pruned would only be missed when it is called
    sources = (path.read_text() for path in (build.ROOT / "functions").rglob("*.py"))
    called = {name for source in sources for name in re.findall(r"client\(\"([a-z0-9-]+)\"", source)}
    assert len(called) >= 5
    assert called <= build.SERVICES

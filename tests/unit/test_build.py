"""tools/build.py: what is built twice is the same, and what Lambda would refuse is refused before."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import build, installation


def test_a_package_that_lambda_would_refuse_is_refused_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(build, "UNPACKED_LIMIT_BYTES", 1024**2)
    (tmp_path / "PublishFunction" / "bundle").mkdir(parents=True)
    (tmp_path / "PublishFunction" / "bundle" / "deps.tar.gz").write_bytes(bytes(3 * 1024**2))
    with pytest.raises(SystemExit, match=r"PublishFunction has 3 MB unpacked, Lambda takes 1; .*fruitnet.*build again"):
        build.refuse_above_limit(tmp_path / "PublishFunction")


@pytest.mark.parametrize(
    ("function", "packages", "part"),
    [
        (build.IDENTIFY, {"ai-edge-litert", "numpy", "pi-heif", "pillow"}, "pomona_identify/page.html"),
        (build.EXPRESS, {"ai-edge-litert", "numpy", "obstore", "pyarrow", "pyiceberg"}, "backbones/fruitnet.json"),
    ],
    ids=["identify", "express"],
)
def test_a_native_function_for_the_embedded_aws_names_the_packages_that_it_leaves_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, function: build.NativeFunction, packages: set[str], part: str
) -> None:
    monkeypatch.setenv(build.NATIVE_PACKAGES_OF_THE_RUNTIME, "1")
    monkeypatch.setattr(build, "function_packages", lambda: tmp_path / "none")
    (tmp_path / "none").mkdir()
    build.build_native_function(function, tmp_path / "package")
    names = (tmp_path / "package" / "native-packages.txt").read_text().split()
    assert packages <= set(names)
    assert (tmp_path / "package" / part).exists()
    assert not list((tmp_path / "package").rglob("*.tflite"))
    assert not (tmp_path / "package" / "numpy").exists()


@pytest.mark.parametrize("name", ["identify", "express"])
def test_a_native_function_has_the_versions_of_the_job(name: str) -> None:
    # Given the locks of both; other versions could read an image or run a network differently
    def pinned(name: str) -> dict[str, str]:
        text = (build.ROOT / "requirements" / f"{name}.txt").read_text()
        return dict(re.findall(r"^([\w.-]+)==(\S+)", text, re.MULTILINE))

    ours, of_the_job = pinned(name), pinned("job")
    assert {package: ours[package] for package in ours.keys() & of_the_job.keys()}.items() <= of_the_job.items()
    assert {"numpy", "pillow", "ai-edge-litert"} <= ours.keys() & of_the_job.keys()


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


@pytest.mark.parametrize("uv", [True, False])
def test_functions_are_installed_for_any_processor_by_either_installer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, uv: bool
) -> None:
    # Given an installer that leaves a native wheel
    commands = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        record = tmp_path / "target" / "wrapt-2.dist-info"
        record.mkdir(parents=True)
        (record / "WHEEL").write_text("Tag: cp313-cp313-manylinux_2_28_x86_64\n")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(installation, "has_uv", lambda: uv)
    monkeypatch.setattr(subprocess, "run", run)
    # Then the build ends with its name
    with pytest.raises(SystemExit, match=r"any processor; wrapt-2.dist-info"):
        installation.install(tmp_path / "functions.txt", tmp_path / "target", installation.FUNCTION_PLATFORM)
    assert ("--require-hashes" in commands[0], "pip" in commands[0]) == (True, True)


def test_a_package_does_not_say_which_installer_made_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Given two installers that leave the same package with records of their own
    def run_as(name: str) -> Callable[..., subprocess.CompletedProcess[str]]:
        def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
            target = Path(command[command.index("--target") + 1])
            for file in ("x.dist-info/INSTALLER", "x.dist-info/RECORD", "bin/x", ".lock"):
                (target / file).parent.mkdir(parents=True, exist_ok=True)
                (target / file).write_text(name)
            (target / "x.dist-info" / "METADATA").write_text("Name: x")
            (target / "botocore" / "data").mkdir(parents=True)
            return subprocess.CompletedProcess(command, 0)

        return run

    for name in ("uv", "pip"):
        monkeypatch.setattr(installation, "has_uv", lambda name=name: name == "uv")
        monkeypatch.setattr(subprocess, "run", run_as(name))
        installation.install(tmp_path / "job.txt", tmp_path / name, installation.JOB_PLATFORM)
    # Then nothing is left that differs
    left = [{key: path.read_bytes() for key, path in build.files_below(tmp_path / name)} for name in ("uv", "pip")]
    assert left[0] == left[1] == {"x.dist-info/METADATA": b"Name: x"}


def modules_in(folder: Path) -> Path:
    (folder / "package").mkdir(parents=True)
    (folder / "package" / "__init__.py").write_text("KINDS = frozenset({'apple', 'pear', 'plum'})\n")
    (folder / "package" / "broken.py").write_text("for\n")
    return folder


def test_compiled_modules_are_the_same_wherever_they_were_compiled(tmp_path: Path) -> None:
    # Given the same modules in two folders
    folders = [modules_in(tmp_path / name) for name in ("one", "two")]
    # When both are compiled for the same place
    for folder in folders:
        build.compile_modules(sys.executable, folder, place="/var/task")
    # Then the files are equal, and what cannot be compiled is left to whoever imports it
    one, two = (dict(build.files_below(folder)) for folder in folders)
    compiled = [name for name in one if name.endswith(".pyc")]
    assert compiled == [f"package/__pycache__/__init__.{sys.implementation.cache_tag}.pyc"]
    assert {name: path.read_bytes() for name, path in one.items()} == {
        name: path.read_bytes() for name, path in two.items()
    }


def test_a_compiled_module_is_taken_whatever_the_time_of_its_source(tmp_path: Path) -> None:
    # Given a compiled module whose source has got another time and content since
    folder = modules_in(tmp_path / "one")
    build.compile_modules(sys.executable, folder, place="/var/task")
    (folder / "package" / "__init__.py").write_text("raise SystemExit('the source was read')\n")
    # Then Python takes it
    done = subprocess.run([sys.executable, "-B", "-c", "import package"], cwd=folder, check=False)
    assert done.returncode == 0
    # And its traces name the place
    (cached,) = folder.rglob("*.pyc")
    assert b"/var/task/package/__init__.py" in cached.read_bytes()


@pytest.mark.parametrize("answers", ["3.12", ""], ids=["another version", "a shim without a version behind it"])
def test_only_the_python_of_the_functions_compiles_for_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answers: str
) -> None:
    # Given a python3.13 that is none
    python = tmp_path / "python3.13"
    python.write_text(f"#!/bin/sh\necho {answers}\n" if answers else "#!/bin/sh\nexit 127\n")
    python.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin")
    build.python_for.cache_clear()
    # Then it is not used; without one, nothing is compiled
    assert build.python_for(installation.FUNCTION_PLATFORM) is None
    build.compile_modules(None, modules_in(tmp_path / "one"))
    assert not list(tmp_path.rglob("*.pyc"))
    build.python_for.cache_clear()

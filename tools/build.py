"""What `sam build` runs: packages a function, or the bundle that the job runs from.

build.py function NAME ARTIFACTS    the handler, its packages and the pinned ones (pure Python: any processor)
build.py identify ARTIFACTS         the same, and what identifies images: native packages, for x86_64 alone
build.py express ARTIFACTS          the same, and what featurizes images: native packages, for x86_64 alone
build.py publish ARTIFACTS          the same, and the bundle: entry points, job.tar.gz, deps.tar.gz, bundle.json
build.py deps                       only the packages, ahead of time

Everything is built deterministically, so that an unchanged source is an unchanged deployment. What takes long is kept
in .build/ under the digest of what it was made from.
"""

import compileall
import gzip
import hashlib
import io
import json
import os
import py_compile
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "contract"))  # `sam build` runs this file without an environment

from pomona_contract.documents.bundle import BundleDescription  # noqa: E402

CACHE = ROOT / ".build"
UV = ("sh", str(ROOT / "tools" / "uv.sh"))


@dataclass(frozen=True)
class Platform:
    """What packages are installed for, in the words of each installer."""

    python: str
    uv: str
    pip: tuple[str, ...]
    pure: bool = False

    def words(self, *, uv: bool) -> list[str]:
        named = [("--python-platform", self.uv)] if uv else [("--platform", name) for name in self.pip]
        return ["--python-version", self.python, *(word for pair in named for word in pair)]


# Functions run on either processor. Only a wheel without native code fits "any"; uv has no such platform, and of those
# that it has, pyodide is one that takes no other wheel. `refuse_native` checks that this stays true.
FUNCTION_PLATFORM = Platform("3.13", "wasm32-pyodide2024", ("any",), pure=True)
JOB_PLATFORM = Platform(
    "3.11",
    "x86_64-manylinux_2_28",
    tuple(f"manylinux{name}_x86_64" for name in ("_2_28", "_2_27", "_2_17", "2014")),
)
# of the Python of FUNCTION_PLATFORM, and the processor of the job: the results of a network must be the same
NATIVE_FUNCTION_PLATFORM = replace(JOB_PLATFORM, python="3.13")
# the services that are called; the descriptions of the other four hundred would only slow a cold start down
SERVICES = {"s3", "lambda", "emr-serverless", "glue", "cloudformation", "sts", "xray"}
UNUSED_IN_JOB = (
    *("*/tests", "share", "pyarrow/include", "numpy/_core/include"),
    # pyarrow's own Flight and S3 (objects are read with obstore), LiteRT's accelerators and command-line tools
    *("pyarrow/*flight*", "pyarrow/*s3*", "ai_edge_litert/*Accelerator*", "ai_edge_litert/tools"),
)
UNUSED_IN_FUNCTIONS = (
    *("**/tests", "bin", "share", "numpy/_core/include", "numpy/f2py", "numpy/random/lib", "numpy/_core/lib"),
    *("ai_edge_litert/*Accelerator*", "ai_edge_litert/tools", "ai_edge_litert/vendors", "ai_edge_litert/libLiteRt.so"),
    # of pyarrow: what reads other formats and stores, and what one would compile against
    *("pyarrow/include", "pyarrow/includes", "pyarrow/src", "pyarrow/*.p*d", "pyarrow/*.pyx", "pyarrow/*_tests*"),
    *(f"pyarrow/*{part}*" for part in ("flight", "s3", "gcsfs", "azurefs", "hdfs", "orc", "cuda")),
    *("pyarrow/libarrow_python*.so", "pyarrow/libarrow_python*.so.*.*.*"),  # twice: what is loaded ends in .so.2600
    # of pyiceberg: its command line and its other catalogs; of zstandard: what other interpreters use
    *("hive_metastore", "rich", "pygments", "markdown_it", "mdurl", "fsspec", "zstandard/_cffi*"),
    # of NumPy: what only its tests import; of Pillow: what writes letters
    *("numpy/_core/_simd*", "numpy/_core/*_tests*", "PIL/_imagingft*", "pillow.libs/lib*freetype*"),
    "pillow.libs/libharfbuzz*",
)
# The embedded AWS runs functions with its own Python, which cannot load the native packages of Python 3.13. It asks for
# a package without them, and links its own of the same names.
NATIVE_PACKAGES_OF_THE_RUNTIME = "POMONA_NATIVE_PACKAGES_OF_THE_RUNTIME"
NATIVE_PACKAGES = "native-packages.txt"
IS_THE_JOBS_PYTHON = ("cp311",) if sys.implementation.cache_tag == "cpython-311" else ()
CONTRACT = ROOT / "contract" / "pomona_contract"
FUNCTION_SOURCES = (CONTRACT, ROOT / "functions" / "pomona_intake", ROOT / "functions" / "pomona_provisioning")
JOB_SOURCES = (CONTRACT, ROOT / "emr_job" / "pomona")
BACKBONE_FOLDERS = (ROOT / "backbones", ROOT / "backbones" / "exported")
UNPACKED_LIMIT_BYTES = 250 * 1024**2
# scripts and records name the installer and the builder's Python: they would make each machine's package another one
OF_THE_INSTALLER = ("bin", ".lock", *(f"*.dist-info/{name}" for name in ("INSTALLER", "RECORD", "REQUESTED")))
COMPRESSION_LEVEL = 4  # half the time of 6, for 4 % more bytes; unpacking takes the same time


def cached(name: str, made_from: bytes, make: Callable[[Path], None]) -> Path:
    """The result of `make` for these inputs; two builds at once do not disturb each other."""
    place = CACHE / f"{hashlib.sha256(made_from).hexdigest()[:16]}-{name}"
    if not place.exists():
        CACHE.mkdir(exist_ok=True)
        with tempfile.TemporaryDirectory(dir=CACHE) as scratch:
            make(Path(scratch) / name)
            if not place.exists():
                (Path(scratch) / name).rename(place)
    return place


def recipe(lock: Path, *how: object) -> bytes:
    """What decides the outcome of an installation."""
    return lock.read_bytes() + repr((sorted(SERVICES), OF_THE_INSTALLER, how)).encode()


def install(lock: Path, target: Path, platform: Platform) -> None:
    """Install the lock's packages with uv, or with pip where there is no uv; either leaves the same files."""
    pinned = ["--quiet", "--require-hashes", "--no-deps", "--only-binary=:all:", "--requirement", str(lock)]
    if has_uv():
        command = [*UV, "pip", "install", "--python", sys.executable, *platform.words(uv=True)]
    else:
        pip = [sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--no-compile"]
        command = [*pip, *platform.words(uv=False)]
    if subprocess.run([*command, *pinned, "--target", str(target)], check=False).returncode:
        sys.exit(
            f"{lock.name} could not be installed, with {'uv' if has_uv() else f'{sys.executable} -m pip'}; "
            "where both are missing: apt-get install python3-pip"
        )
    remove(target, OF_THE_INSTALLER)
    if platform.pure:
        refuse_native(target)
    if (data := target / "botocore" / "data").is_dir():
        keep_services(data)


def has_uv() -> bool:
    return subprocess.run([*UV, "--version"], capture_output=True, check=False).returncode == 0


def remove(folder: Path, patterns: tuple[str, ...]) -> None:
    for pattern in patterns:
        for unused in list(folder.glob(pattern)):
            shutil.rmtree(unused) if unused.is_dir() else unused.unlink()


def refuse_native(target: Path) -> None:
    """End the build if a package was installed from a wheel of one platform."""
    wheels = sorted(target.glob("*.dist-info/WHEEL"))
    native = [wheel.parent.name for wheel in wheels if "-any" not in wheel.read_text()]
    if native:
        sys.exit(f"the functions' packages must run on any processor; {', '.join(native)} would not")


def keep_services(data: Path) -> None:
    for service in data.iterdir():
        if service.is_dir() and service.name not in SERVICES:
            shutil.rmtree(service)


def function_packages() -> Path:
    lock = ROOT / "requirements" / "functions.txt"
    return cached("functions", recipe(lock, FUNCTION_PLATFORM), lambda target: install(lock, target, FUNCTION_PLATFORM))


def build_function(name: str, artifacts: Path) -> None:
    shutil.copytree(function_packages(), artifacts, dirs_exist_ok=True)
    shutil.copy(ROOT / "functions" / f"{name}.py", artifacts)
    for package in FUNCTION_SOURCES:
        shutil.copytree(package, artifacts / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    refuse_above_limit(artifacts)


@dataclass(frozen=True)
class NativeFunction:
    """A function that has native packages, for the processor of the job alone."""

    name: str
    sources: tuple[Path, ...]
    needs_backbones: bool = False

    @property
    def lock(self) -> Path:
        return ROOT / "requirements" / f"{self.name}.txt"

    def packages(self) -> Path:
        def make(target: Path) -> None:
            install(self.lock, target, NATIVE_FUNCTION_PLATFORM)
            remove(target, UNUSED_IN_FUNCTIONS)

        return cached(self.name, recipe(self.lock, NATIVE_FUNCTION_PLATFORM, UNUSED_IN_FUNCTIONS), make)


IDENTIFY = NativeFunction("identify", (ROOT / "functions" / "pomona_identify", ROOT / "emr_job" / "pomona"))
EXPRESS = NativeFunction(
    "express", (ROOT / "functions" / "pomona_express", ROOT / "emr_job" / "pomona"), needs_backbones=True
)


def build_native_function(function: NativeFunction, artifacts: Path) -> None:
    build_function(function.name, artifacts)
    for package in function.sources:
        shutil.copytree(package, artifacts / package.name, ignore=shutil.ignore_patterns("__pycache__"))
    if function.needs_backbones:  # their descriptions; the networks themselves are in the lake
        (artifacts / "backbones").mkdir()
        for description in backbones().values():
            shutil.copy(description, artifacts / "backbones")
    if os.environ.get(NATIVE_PACKAGES_OF_THE_RUNTIME):
        names = re.findall(r"^([\w.-]+)==", function.lock.read_text(), re.MULTILINE)
        (artifacts / NATIVE_PACKAGES).write_text("".join(f"{name}\n" for name in names))
    else:
        shutil.copytree(function.packages(), artifacts, dirs_exist_ok=True)
    refuse_above_limit(artifacts)


def job_packages() -> Path:
    lock = ROOT / "requirements" / "job.txt"

    def make(archive: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / "deps"
            install(lock, target, JOB_PLATFORM)
            remove(target, UNUSED_IN_JOB)
            compile_for_the_job(target)
            write_archive(archive, files_below(target, compiled=True))

    how = (JOB_PLATFORM, UNUSED_IN_JOB, COMPRESSION_LEVEL, ("compiled", *IS_THE_JOBS_PYTHON))
    return cached("deps.tar.gz", recipe(lock, *how), make)


def compile_for_the_job(target: Path) -> None:
    """Else every worker of every run compiles what it imports. Only the job's own Python can do it."""
    if IS_THE_JOBS_PYTHON:
        unchecked = py_compile.PycInvalidationMode.UNCHECKED_HASH  # no times: the same source gives the same bytes
        compileall.compile_dir(target, quiet=2, stripdir=target, invalidation_mode=unchecked)


def files_below(folder: Path, *, compiled: bool = False) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and (compiled or "__pycache__" not in path.parts):
            yield path.relative_to(folder).as_posix(), path


def write_archive(archive: Path, files: Iterator[tuple[str, Path]]) -> None:
    """A tar.gz that depends on the files' names, contents and nothing else."""
    with (
        archive.open("wb") as raw,
        gzip.GzipFile(filename="", fileobj=raw, mode="wb", compresslevel=COMPRESSION_LEVEL, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as tar,
    ):
        for name, path in files:
            entry = tarfile.TarInfo(name)
            content = path.read_bytes()
            entry.size, entry.mode = len(content), 0o755 if os.access(path, os.X_OK) else 0o644
            tar.addfile(entry, io.BytesIO(content))


def backbones() -> dict[str, Path]:
    """Name → description of each backbone that is there, committed or exported."""
    found = [
        path
        for folder in BACKBONE_FOLDERS
        for path in sorted(folder.glob("*.json"))
        if path.with_suffix(".tflite").exists()
    ]
    return {path.stem: path for path in found}


def job_files() -> Iterator[tuple[str, Path]]:
    for package in JOB_SOURCES:
        for name, path in files_below(package):
            yield f"{package.name}/{name}", path
    for name, description in sorted(backbones().items()):
        yield f"backbones/{name}.json", description
        yield f"backbones/{name}.tflite", description.with_suffix(".tflite")


def build_publish(artifacts: Path) -> None:
    build_function("publish", artifacts)
    bundle = artifacts / "bundle"
    bundle.mkdir()
    for entry in ("featurize_job.py", "refit_job.py"):
        shutil.copy(ROOT / "emr_job" / entry, bundle)
    write_archive(bundle / "job.tar.gz", job_files())
    shutil.copy(job_packages(), bundle / "deps.tar.gz")
    describe(bundle)
    refuse_above_limit(artifacts)


def describe(bundle: Path) -> None:
    digests = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(bundle.iterdir())}
    digest = hashlib.sha256(json.dumps(digests, sort_keys=True).encode()).hexdigest()
    description = BundleDescription(digest, digests, tuple(sorted(backbones())))
    (bundle / "bundle.json").write_bytes(description.to_json())


def refuse_above_limit(artifacts: Path) -> None:
    size = sum(path.stat().st_size for _, path in files_below(artifacts))
    if size > UNPACKED_LIMIT_BYTES:
        sys.exit(
            f"the package of {artifacts.name} has {size / 1024**2:.0f} MB unpacked, Lambda takes "
            f"{UNPACKED_LIMIT_BYTES / 1024**2:.0f}; the bundle holds the backbones {', '.join(sorted(backbones()))}: "
            "remove what you do not deploy from backbones/exported/ and build again"
        )


def main(what: str, *arguments: str) -> None:
    if what == "function":
        build_function(arguments[0], Path(arguments[1]))
    elif what == "publish":
        build_publish(Path(arguments[0]))
    elif what in {"identify", "express"}:
        build_native_function(IDENTIFY if what == "identify" else EXPRESS, Path(arguments[0]))
    else:
        function_packages()
        job_packages()


if __name__ == "__main__":
    main(*sys.argv[1:])

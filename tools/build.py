"""What `sam build` runs: packages a function, or the bundle that the job runs from.

build.py function NAME ARTIFACTS    the handler, its packages and the pinned ones (pure Python: any processor)
build.py identify ARTIFACTS         the same, and what identifies images: native packages, for x86_64 alone
build.py express ARTIFACTS          the same, and what featurizes images: native packages, for x86_64 alone
build.py publish ARTIFACTS          the same, and the bundle: entry points, job.tar.gz, deps.tar.gz, bundle.json
build.py deps                       only the packages, ahead of time

Everything is built deterministically, so that an unchanged source is an unchanged deployment. What takes long is kept
in .build/ under the digest of what it was made from.
"""

import gzip
import hashlib
import io
import json
import os
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "contract")]  # `sam build` runs this file without an environment

from pomona_contract.documents.bundle import BundleDescription  # noqa: E402
from tools.installation import (  # noqa: E402
    FUNCTION_PLATFORM,
    JOB_PLATFORM,
    NATIVE_FUNCTION_PLATFORM,
    OF_THE_INSTALLER,
    SERVICES,
    Platform,
    install,
    remove,
)

CACHE = ROOT / ".build"
UNUSED_OF_PYICEBERG = (
    # its command line, its other catalogs, and what reads deletion vectors (pyiceberg_table/left_out_packages.py)
    *("rich", "pygments", "markdown_it", "mdurl", "click", "hive_metastore", "fb303", "fsspec"),
    *("requests", "charset_normalizer", "idna", "pyroaring", "pyroaring*.so"),
    "zstandard/_cffi*",  # for other interpreters
)
UNUSED_IN_JOB = (
    *("*/tests", "share", "pyarrow/include", "numpy/_core/include"),
    # pyarrow's own Flight and S3 (objects are read with obstore), LiteRT's accelerators and command-line tools
    *("pyarrow/*flight*", "pyarrow/*s3*", "ai_edge_litert/*Accelerator*", "ai_edge_litert/tools"),
    *UNUSED_OF_PYICEBERG,
)
UNUSED_IN_EVERY_FUNCTION = ("aws_lambda_powertools/event_handler",)
UNUSED_IN_FUNCTIONS = (
    *("**/tests", "bin", "share", "numpy/_core/include", "numpy/f2py", "numpy/random/lib", "numpy/_core/lib"),
    *("ai_edge_litert/*Accelerator*", "ai_edge_litert/tools", "ai_edge_litert/vendors", "ai_edge_litert/libLiteRt.so"),
    # of LiteRT: what makes and changes networks, and the packages that only this needs
    *(f"ai_edge_litert/{part}" for part in ("aot", "tflite", "schema_py_generated.py", "*_pb2.py", "*converter*")),
    *(f"ai_edge_litert/*pywrap_{part}*" for part in ("genai", "modify", "analyzer", "tfl_", "tensorflow_lite_cal")),
    *("google", "ml_dtypes", "flatbuffers", "tqdm"),
    # of pyarrow: what reads other formats and stores, and what one would compile against
    *("pyarrow/include", "pyarrow/includes", "pyarrow/src", "pyarrow/*.p*d", "pyarrow/*.pyx", "pyarrow/*_tests*"),
    *("pyarrow/*.pxi", "**/*.pyi", "**/*.h"),
    *(f"pyarrow/*{part}*" for part in ("flight", "s3", "gcsfs", "azurefs", "hdfs", "orc", "cuda")),
    *("pyarrow/libarrow_python*.so", "pyarrow/libarrow_python*.so.*.*.*"),  # twice: what is loaded ends in .so.2600
    *UNUSED_OF_PYICEBERG,
    # of NumPy: what only its tests import; of Pillow: what writes letters
    *("numpy/_core/_simd*", "numpy/_core/*_tests*", "PIL/_imagingft*", "pillow.libs/lib*freetype*"),
    "pillow.libs/libharfbuzz*",
)
# The embedded AWS runs functions with its own Python, which cannot load the native packages of Python 3.13. It asks for
# a package without them, and links its own of the same names.
NATIVE_PACKAGES_OF_THE_RUNTIME = "POMONA_NATIVE_PACKAGES_OF_THE_RUNTIME"
NATIVE_PACKAGES = "native-packages.txt"
PLACE_OF_FUNCTIONS = "/var/task"
"""Where Lambda puts a function's package: the name of each compiled module in a trace begins with it."""
CONTRACT = ROOT / "contract" / "pomona_contract"
FUNCTION_SOURCES = (CONTRACT, ROOT / "functions" / "pomona_intake", ROOT / "functions" / "pomona_provisioning")
JOB_SOURCES = (CONTRACT, ROOT / "emr_job" / "pomona")
BACKBONE_FOLDERS = (ROOT / "backbones", ROOT / "backbones" / "exported")
UNPACKED_LIMIT_BYTES = 250 * 1024**2
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


@cache
def python_for(platform: Platform) -> str | None:
    """The Python here that can compile modules for the platform; None if this machine has none."""
    version = ["-c", "import sys; print(*sys.version_info[:2], sep='.')"]
    for python in (sys.executable, f"python{platform.python}"):
        found = shutil.which(python) and subprocess.run([python, *version], capture_output=True, text=True, check=False)
        if found and found.stdout.strip() == platform.python:
            return python
    return None


def compile_modules(python: str | None, folder: Path, *parts: Path, place: str = "") -> None:
    """Compile the parts of a folder, which will lie at `place`; else each process that starts there does it again.

    The compiled modules are never checked against their sources, whose times differ from machine to machine.
    """
    if python is not None:
        names = [*("-s", str(folder)), *(("-p", place) if place else ())]
        quietly = [python, "-m", "compileall", "-qq", "--invalidation-mode", "unchecked-hash"]
        subprocess.run([*quietly, *names, *(str(part) for part in parts or (folder,))], check=False)


def python_of_functions() -> str | None:
    """The Python that compiles for Lambda; None where the embedded AWS does it for its own Python."""
    return None if os.environ.get(NATIVE_PACKAGES_OF_THE_RUNTIME) else python_for(FUNCTION_PLATFORM)


def installed_for_functions(name: str, lock: Path, platform: Platform, unused: tuple[str, ...]) -> Path:
    """The packages of a lock, without what no function uses."""
    python = python_of_functions()

    def make(target: Path) -> None:
        install(lock, target, platform)
        remove(target, unused)
        compile_modules(python, target, place=PLACE_OF_FUNCTIONS)

    return cached(name, recipe(lock, platform, unused, ("compiled", PLACE_OF_FUNCTIONS) if python else ()), make)


def function_packages() -> Path:
    lock = ROOT / "requirements" / "functions.txt"
    return installed_for_functions("functions", lock, FUNCTION_PLATFORM, UNUSED_IN_EVERY_FUNCTION)


def build_function(name: str, artifacts: Path, more_sources: tuple[Path, ...] = ()) -> None:
    shutil.copytree(function_packages(), artifacts, dirs_exist_ok=True)
    handler = Path(shutil.copy(ROOT / "functions" / f"{name}.py", artifacts))
    sources = [artifacts / package.name for package in (*FUNCTION_SOURCES, *more_sources)]
    for package, copy in zip((*FUNCTION_SOURCES, *more_sources), sources, strict=True):
        shutil.copytree(package, copy, ignore=shutil.ignore_patterns("__pycache__"))
    compile_modules(python_of_functions(), artifacts, handler, *sources, place=PLACE_OF_FUNCTIONS)
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
        return installed_for_functions(self.name, self.lock, NATIVE_FUNCTION_PLATFORM, UNUSED_IN_FUNCTIONS)


IDENTIFY = NativeFunction("identify", (ROOT / "functions" / "pomona_identify", ROOT / "emr_job" / "pomona"))
EXPRESS = NativeFunction(
    "express", (ROOT / "functions" / "pomona_express", ROOT / "emr_job" / "pomona"), needs_backbones=True
)


def build_native_function(function: NativeFunction, artifacts: Path) -> None:
    build_function(function.name, artifacts, function.sources)
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
    python = python_for(JOB_PLATFORM)

    def make(archive: Path) -> None:
        with tempfile.TemporaryDirectory() as scratch:
            target = Path(scratch) / "deps"
            install(lock, target, JOB_PLATFORM)
            remove(target, UNUSED_IN_JOB)
            compile_modules(python, target)
            write_archive(archive, files_below(target))

    how = (JOB_PLATFORM, UNUSED_IN_JOB, COMPRESSION_LEVEL, ("compiled",) if python else ())
    return cached("deps.tar.gz", recipe(lock, *how), make)


def files_below(folder: Path, *ignored: str) -> Iterator[tuple[str, Path]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not set(ignored) & set(path.parts):
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
        for name, path in files_below(package, "__pycache__"):
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

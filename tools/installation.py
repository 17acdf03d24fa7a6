"""Installs the pinned packages of a function, or of the job, for where they will run. Needs no environment."""

import shutil
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

UV = ("sh", str(Path(__file__).resolve().parent / "uv.sh"))


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
# scripts and records name the installer and the builder's Python: they would make each machine's package another one
OF_THE_INSTALLER = ("bin", ".lock", *(f"*.dist-info/{name}" for name in ("INSTALLER", "RECORD", "REQUESTED")))


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

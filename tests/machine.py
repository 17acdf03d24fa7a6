"""A machine with Python, make and SAM's command line, a copy of the sources, and no environment of the project."""

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from demo.deploy import NATIVE_PACKAGES_OF_THE_RUNTIME
from tests.served_aws import REGION, ServedAws
from tools import build

ROOT = Path(__file__).resolve().parents[1]
STACK = "pomona"
SOURCES = (
    "contract",
    "functions",
    "emr_job",
    "backbones",
    "tools",
    "requirements",
    "template.yaml",
    "samconfig.toml",
    "Makefile",
)


@dataclass(frozen=True)
class Machine:
    """`home` holds the copy; `aws` is where `sam` deploys it."""

    home: Path
    aws: ServedAws

    @classmethod
    def set_up(cls, folder: Path, aws: ServedAws) -> Self:
        """Copy the sources into the folder; what pip has fetched once for a build is shared."""
        home, binaries = folder / "a clone", folder / "bin"
        binaries.mkdir()
        for name in ("python3", "python3.11"):
            (binaries / name).symlink_to(Path(sys.base_prefix) / "bin" / name)
        home.mkdir()
        for name in SOURCES:
            _copy(ROOT / name, home / name)
        (ROOT / ".build").mkdir(exist_ok=True)
        (home / ".build").symlink_to(ROOT / ".build")
        return cls(home, aws)

    def build(self, *, for_lambda: bool = False) -> None:
        """Run `sam build`. Without `for_lambda`, leave out the packages, which `sam deploy` would compress each time.

        `identify` has none: the embedded AWS links packages of its own, the other emulator does not invoke it. The
        job's archive of packages is one of a few bytes, with which no job could run.
        """
        self.sam("build", **{} if for_lambda else {NATIVE_PACKAGES_OF_THE_RUNTIME: "1"})
        if not for_lambda:
            self._empty_the_archive_of_packages()

    def _empty_the_archive_of_packages(self) -> None:
        bundle = self.home / ".aws-sam" / "build" / "PublishFunction" / "bundle"
        (bundle / "bundle.json").unlink()
        (bundle / "deps.tar.gz").write_bytes(b"no packages")
        build.describe(bundle)

    def sam(self, *words: str, answers: str = "", fails: bool = False, **variables: str) -> str:
        """What `sam` printed; AssertionError with it if it failed (or, with `fails`, if it did not)."""
        command = [str(ROOT / ".venv" / "sam" / "bin" / "python"), "-m", "samcli", *words]
        with tempfile.TemporaryDirectory(dir=self.home.parent) as temporary:  # sam leaves folders behind
            environment = self._environment() | {"TMPDIR": temporary} | variables
            done = subprocess.run(
                command, cwd=self.home, env=environment, input=answers, capture_output=True, text=True, check=False
            )
        lines = (done.stdout + done.stderr).splitlines()
        printed = "\n".join(line for line in lines if "Uploading to" not in line)
        assert (done.returncode != 0) == fails, printed[-6000:]
        return printed

    def _environment(self) -> dict[str, str]:
        # pip may need the machine's proxy
        kept = {name for name in os.environ if name in ("HOME", "LANG") or name.lower().endswith("_proxy")}
        return {name: os.environ[name] for name in kept} | {
            "PATH": f"{self.home.parent / 'bin'}:/usr/bin:/bin",
            "SAM_CLI_TELEMETRY": "0",
            "SAM_CLI_POLL_DELAY": "0.2",  # seconds between two questions to CloudFormation; the default is 5
            "AWS_ENDPOINT_URL": self.aws.endpoint,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
        }

    def deploy(self, fails: bool = False, stack: str = STACK, **parameters: str) -> str:
        """What `sam deploy` printed; AssertionError with that and the stack's events if it failed."""
        overrides = [f'{name}="{value}"' for name, value in parameters.items()]
        words = ("deploy", "--stack-name", stack, *(["--parameter-overrides", *overrides] if overrides else []))
        try:
            return self.sam(*words, fails=fails)
        except AssertionError as error:
            raise AssertionError(f"{error}\n{self.aws.reasons(stack)[:3000]}") from error

    def delete(self, stack: str = STACK) -> str:
        """What `sam delete` printed."""
        return self.sam("delete", "--stack-name", stack, "--region", REGION, "--no-prompts")

    def change_the_job(self, remark: str) -> None:
        """Append a comment to the job's entry point, and build."""
        with (self.home / "emr_job" / "featurize_job.py").open("a") as job:
            job.write(f"# {remark}\n")
        self.build()

    def physical_id(self, logical_id: str) -> str:
        described = self.aws.client("cloudformation").describe_stack_resource(
            StackName=STACK, LogicalResourceId=logical_id
        )
        return str(described["StackResourceDetail"]["PhysicalResourceId"])

    def variables(self, function: str = "AdvanceFunction") -> dict[str, str]:
        """The environment of a function."""
        name = self.physical_id(function)
        described = self.aws.client("lambda").get_function_configuration(FunctionName=name)
        return dict(described["Environment"]["Variables"])

    def bundles(self) -> set[str]:
        """The digests of the bundles that lie in the lake."""
        lake = self.aws.outputs(STACK)["LakeBucketName"]
        return {key.split("/")[1] for key in self.aws.keys(lake, "jobs/")}


def _copy(source: Path, target: Path) -> None:
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("exported", "__pycache__"))
    else:
        shutil.copy(source, target)

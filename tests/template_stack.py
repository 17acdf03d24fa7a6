"""The template deployed by the embedded CloudFormation alone: no `sam build`, and a bundle of a few bytes."""

import hashlib
import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from embedded_aws.cloudformation.templates import read_template
from pomona_contract.documents.bundle import BundleDescription
from pomona_contract.lake_layout import bundle_prefix
from tests.bundles import job_archive
from tests.local_server import CODE_BUCKET, REGION, ROOT, LocalServer, until

PACKAGES = ("aws_lambda_powertools", "aws_xray_sdk", "wrapt", "typing_extensions")
PATIENCE_SECONDS = 60


class TemplateStack:
    """One stack of the project's own template."""

    def __init__(self, aws: LocalServer, name: str = "pomona") -> None:
        self.aws, self.name = aws, name
        self.parameters: dict[str, str] = {}
        self.release("one")

    def release(self, mark: str, files: Mapping[str, str] | None = None) -> None:
        """Take another build for the next deployments: another bundle, and these of its files with another text."""
        self.template = template_of(_upload(self.aws, mark, files or {}))

    def deploy(self, template: Mapping[str, Any] | None = None, **parameters: str) -> str:
        """Create or update with these parameters, keeping the others, and return the status at the end."""
        wanted = {**self.parameters, **parameters}
        cloudformation = self.aws.client("cloudformation")
        change = cloudformation.update_stack if self.aws.has_stack(self.name) else cloudformation.create_stack
        change(
            StackName=self.name,
            TemplateBody=json.dumps(template) if template else self.template,
            Parameters=[{"ParameterKey": name, "ParameterValue": value} for name, value in wanted.items()],
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
        )
        until(lambda: not self.status().endswith("_IN_PROGRESS"), PATIENCE_SECONDS, f"{self.name} is deployed")
        if self.status() in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            self.parameters = wanted
        return self.status()

    def transformed(self) -> dict[str, Any]:
        """The template as CloudFormation has it after the SAM transform."""
        return read_template(self.template, self.parameters, REGION)

    def status(self) -> str:
        return self.aws.status(self.name)

    def told(self) -> str:
        """The reasons of the last update's events."""
        reasons: list[str] = []
        for event in self.aws.events(self.name):
            if event["LogicalResourceId"] == self.name and event["ResourceStatus"] == "UPDATE_IN_PROGRESS":
                break
            reasons.append(event.get("ResourceStatusReason", ""))
        return " ".join(reasons)

    def resources(self) -> dict[str, str]:
        """The physical ids by logical id."""
        found = self.aws.client("cloudformation").describe_stack_resources(StackName=self.name)["StackResources"]
        return {one["LogicalResourceId"]: one["PhysicalResourceId"] for one in found}

    def variables(self, function: str = "AdvanceFunction") -> dict[str, str]:
        name = self.resources()[function]
        described = self.aws.client("lambda").get_function_configuration(FunctionName=name)
        return dict(described["Environment"]["Variables"])


def template_of(place: str) -> str:
    """The template's text, packaged as `sam deploy` hands it over."""
    return (ROOT / "template.yaml").read_text().replace("CodeUri: .", f"CodeUri: {place}")


def _upload(aws: LocalServer, mark: str, files: Mapping[str, str]) -> str:
    aws.upload("empty.zip", "")  # makes the bucket
    key = f"functions-{mark}.zip"
    aws.client("s3").put_object(Bucket=CODE_BUCKET, Key=key, Body=_package(mark, files))
    return f"s3://{CODE_BUCKET}/{key}"


def bundle_of(mark: str) -> str:
    """Where the bundle of a build lies in the lake."""
    return bundle_prefix(_digest(mark))


def _digest(mark: str) -> str:
    return hashlib.sha256(mark.encode()).hexdigest()


def _package(mark: str, files: Mapping[str, str]) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, name in _sources():
            archive.writestr(name, files.get(name, path.read_text()))
        archive.writestr("bundle/job.tar.gz", job_archive(["fruitnet"], mark))
        described = BundleDescription(_digest(mark), {"job.tar.gz": ""}, ("fruitnet",))
        archive.writestr("bundle/bundle.json", described.to_json())
    return packed.getvalue()


def _sources() -> Iterator[tuple[Path, str]]:
    for folder in (ROOT / "functions", ROOT / "contract"):
        for path in sorted(folder.rglob("*")):
            if path.suffix in (".py", ".json"):
                yield path, str(path.relative_to(folder))
    for package in PACKAGES:
        spec = find_spec(package)
        assert spec is not None
        assert spec.origin is not None
        origin = Path(spec.origin)
        top = origin.parent if origin.name == "__init__.py" else origin
        for path in sorted(top.rglob("*.py")) if top.is_dir() else [top]:
            yield path, str(path.relative_to(top.parent))

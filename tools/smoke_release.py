"""Whether the Region offers the release label of a stack, and which one to take if it does not.

EMR Serverless has no API that lists its releases. EMR's ListReleaseLabels knows those of EMR on EC2, which come first
in a Region. CreateApplication alone decides, so the check creates an application and deletes it: without capacity, and
without a run, it costs nothing.
"""

import re
import uuid
from typing import Any

from botocore.exceptions import ClientError
from smoke_stack import ROOT, Deployed, SmokeError

_PREFIX = "emr-spark-"
_TRIED = 5  # newest first


def offers_the_release(stack: Deployed) -> str:
    """Return the label; SmokeError names another that the Region offers, or says that there is none."""
    tested = _default_label()
    wanted = stack.parameters.get("ReleaseLabel", tested)
    emr = stack.client("emr-serverless")
    refusal = _refusal(emr, wanted)
    if not refusal:
        return wanted
    region = stack.session.region_name
    for label in _candidates(stack, tested, wanted):
        if not _refusal(emr, label):
            advice = f"deploy with ReleaseLabel={label}"
            proven = "" if label == tested else f", which Pomona was not tested with ({tested} is)"
            raise SmokeError(f"{region} does not offer {wanted} ({refusal}): {advice}{proven}")
    raise SmokeError(f"{region} does not offer {wanted} ({refusal}), nor another {_PREFIX}…: take another Region")


def _refusal(emr: Any, label: str) -> str:  # noqa: ANN401 - boto3's clients have no static type
    """What EMR Serverless has against an application with this label; empty if nothing."""
    name = f"pomona-smoke-{uuid.uuid4().hex[:12]}"
    try:
        made = emr.create_application(name=name, releaseLabel=label, type="SPARK")
    except emr.exceptions.ValidationException as error:
        return str(error.response["Error"]["Message"])
    emr.delete_application(applicationId=made["applicationId"])
    return ""


def _candidates(stack: Deployed, tested: str, wanted: str) -> list[str]:
    """The tested label, then those that EMR on EC2 has in this Region, newest first."""
    try:
        listed = stack.client("emr").list_release_labels(Filters={"Prefix": _PREFIX})["ReleaseLabels"]
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("AccessDeniedException", "AccessDenied"):
            raise
        listed = []
    released = [label for label in listed if re.fullmatch(rf"{_PREFIX}\d+\.\d+\.\d+", label)]
    newest = sorted(released, key=lambda label: [int(part) for part in re.findall(r"\d+", label)], reverse=True)
    return [label for label in dict.fromkeys([tested, *newest[:_TRIED]]) if label != wanted]


def _default_label() -> str:
    """The template's default."""
    found = re.search(
        r"^  ReleaseLabel:\n(?:    .*\n)*?    Default: (\S+)$", (ROOT / "template.yaml").read_text(), re.M
    )
    if found is None:
        raise SmokeError("template.yaml has no default of ReleaseLabel")
    return found[1]

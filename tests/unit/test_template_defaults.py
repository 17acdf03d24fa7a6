"""What the template sets by default is what the functions get: every variable, and no default beside the template's."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks.template import RESOURCES, parameter_defaults, template_settings, variables
from embedded_aws.cloudformation.templates import parse_template
from pomona_intake.settings import IdentifySettings, IngestSettings, Settings

TEMPLATE = parse_template((Path(__file__).resolve().parents[2] / "template.yaml").read_text())
SETTINGS: dict[str, type[IngestSettings | IdentifySettings | Settings]] = {
    "IngestFunction": IngestSettings,
    "AdvanceFunction": Settings,
    "RefitFunction": Settings,
    "MaintainFunction": Settings,
    "IdentifyFunction": IdentifySettings,
}


def told(function: str) -> dict[str, Any]:
    return dict(TEMPLATE["Resources"][function]["Properties"]["Environment"]["Variables"])


@pytest.mark.parametrize("function", SETTINGS)
def test_the_template_sets_every_setting_of_a_function_and_nothing_that_no_setting_reads(function: str) -> None:
    assert set(told(function)) == {one.name.upper() for one in fields(SETTINGS[function])}


def test_the_defaults_are_those_of_the_parsed_template() -> None:
    parsed = {name: str(slot["Default"]) for name, slot in TEMPLATE["Parameters"].items()}
    assert parameter_defaults() == parsed
    references = {name: value["Ref"] for name, value in told("AdvanceFunction").items() if "Ref" in value}
    expected = {name: parsed[ref] for name, ref in references.items() if ref in parsed}
    literals = {name: value for name, value in told("AdvanceFunction").items() if isinstance(value, str)}
    assert variables() == expected | literals | RESOURCES


def test_a_deployment_with_nothing_but_defaults_has_settings() -> None:
    assert template_settings().components == TEMPLATE["Parameters"]["Components"]["Default"]

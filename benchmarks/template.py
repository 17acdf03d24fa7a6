"""The defaults of template.yaml, read without a YAML parser: the environment of the benchmarks has none.

`tests/unit/test_template_defaults.py` compares what is read here with the parsed template.
"""

import re
from functools import lru_cache

from benchmarks.places import ROOT
from pomona_intake.settings import Settings

# what the stack makes, or names after itself: it has no default
RESOURCES = {
    "LAKE_BUCKET": "lake",
    "IMAGES_BUCKET": "pomona-images-123456789012-eu-west-3",  # of the sample events
    "APPLICATION_ID": "application",
    "JOB_ROLE_ARN": "arn:aws:iam::123456789012:role/job",
    "JOB_PREFIX": "jobs/0123456789ab",
    "LOG_GROUP_NAME": "",
    "ADVANCE_FUNCTION_NAME": "advance",
    "EXPRESS_FUNCTION_NAME": "express",
}
_VARIABLE = re.compile(r"^          ([A-Z_]+): (?:!Ref )?\"?([A-Za-z0-9]+)\"?(?:  #.*)?$", re.MULTILINE)
_DEFAULT = re.compile(r"^  ([A-Za-z]+):\n(?:    .*\n)*?    Default: (.*)$", re.MULTILINE)


@lru_cache
def parameter_defaults() -> dict[str, str]:
    """Return the default of each parameter as text."""
    parameters = _text().partition("\nParameters:\n")[2].partition("\nRules:\n")[0]
    return {name: default.partition("  #")[0].strip('"') for name, default in _DEFAULT.findall(parameters)}


@lru_cache
def variables() -> dict[str, str]:
    """Return the functions' variables as a deployment with the template's defaults sets them."""
    launcher = _text().partition("Environment: &launcher\n")[2].partition("LoggingConfig:")[0]
    told = {name: parameter_defaults().get(value, value) for name, value in _VARIABLE.findall(launcher)}
    return told | RESOURCES


def template_settings(**changes: str) -> Settings:
    """Return the settings that the template sets by default, but for these variables."""
    return Settings.from_environment(variables() | changes)


def _text() -> str:
    return (ROOT / "template.yaml").read_text()

"""The template's own check of parameters, ahead of everything that takes time."""

from collections.abc import Mapping

from moto.cloudformation.exceptions import ValidationError

from demo.deploy import ROOT, DeployError
from embedded_aws.cloudformation.templates import parameter_values, parse_template


def check_parameters(parameters: Mapping[str, str]) -> None:
    """DeployError, in CloudFormation's words, for a value that the template does not allow."""
    try:
        parameter_values(parse_template((ROOT / "template.yaml").read_text()), dict(parameters))
    except ValidationError as error:
        raise DeployError(error.message) from None

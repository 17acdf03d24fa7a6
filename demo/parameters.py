"""Check parameters against the template before anything is started."""

from collections.abc import Mapping

from demo.errors import DeployError
from embedded_aws.cloudformation.errors import TemplateError
from embedded_aws.cloudformation.templates import parameter_values, parse_template
from embedded_aws.repository import ROOT


def check_parameters(parameters: Mapping[str, str]) -> None:
    """Check values against template.yaml.

    Raises:
        DeployError: the template does not allow a value; the message is CloudFormation's.
    """
    try:
        parameter_values(parse_template((ROOT / "template.yaml").read_text()), dict(parameters))
    except TemplateError as error:
        raise DeployError(str(error)) from None

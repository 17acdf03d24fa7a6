"""Components is one rule, whoever reads it: the template, the functions, the refit job, `make demo` and `make up`."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from benchmarks.places import ROOT
from benchmarks.template import variables
from demo.errors import DeployError
from demo.parameters import check_parameters
from embedded_aws.cloudformation.errors import TemplateError
from embedded_aws.cloudformation.templates import parameter_values, parse_template
from pomona.errors import MisconfiguredError
from pomona.pca.component_choice import parse_components
from pomona_intake.errors import SettingsError
from pomona_intake.settings import Settings

TEMPLATE = parse_template((ROOT / "template.yaml").read_text())
ALLOWED = ["1", "2", "100", "9999", "0.95", ".5", "0.5", "0.0001", "0.10", ".99999"]
REFUSED = [
    *("", "0", "1.0", "1.", "0.0", ".0", "0.", ".", "00", "01", "0100", "10000", "100.0", "2.0", "1.5", "00.5"),
    *("1e3", "1e-1", "-1", "+1", "nan", "inf", "many", "95%", "0,95", "1_0", "²", "٣", "1\n", " 1", "0.9 5"),
]


def template(text: str) -> None:
    parameter_values(TEMPLATE, {"Components": text})


def functions(text: str) -> None:
    Settings.from_environment(variables() | {"COMPONENTS": text})


def job(text: str) -> None:
    parse_components(text)


def make(text: str) -> None:
    check_parameters({"Components": text})


READERS = {"template": template, "functions": functions, "job": job}
REFUSALS = (TemplateError, SettingsError, MisconfiguredError, DeployError)


def takers(text: str) -> set[str]:
    """Return the names of those who take this text."""
    taken = set(READERS)
    for name, reader in READERS.items():
        try:
            reader(text)
        except REFUSALS:
            taken.remove(name)
    return taken


@pytest.mark.parametrize("text", ALLOWED)
def test_what_is_allowed_everybody_takes(text: str) -> None:
    assert takers(text) == set(READERS)
    make(text)


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_refused_nobody_takes(text: str) -> None:
    assert takers(text) == set()
    for reader in (*READERS.values(), make):
        with pytest.raises(REFUSALS, match=r"such as 0\.95|a share of variance between 0 and 1"):
            reader(text)


@given(st.text(alphabet="0123456789.-+eE_ n", max_size=6))
@example("0.00")
def test_no_text_passes_one_and_not_another(text: str) -> None:
    assert takers(text) in (set(), set(READERS))

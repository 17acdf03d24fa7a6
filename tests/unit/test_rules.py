"""The template's Rules, as the embedded CloudFormation checks them: before anything is made, in their own words."""

from pathlib import Path

import pytest

from embedded_aws.cloudformation.deployment import Target
from embedded_aws.cloudformation.errors import TemplateError
from embedded_aws.cloudformation.templates import check_rules, parameter_values, parse_template

TEMPLATE = parse_template((Path(__file__).resolve().parents[2] / "template.yaml").read_text())
RULE = {
    "RuleCondition": {"Fn::Equals": [{"Ref": "Kind"}, "large"]},
    "Assertions": [
        {"Assert": {"Fn::Contains": [["8", "16"], {"Ref": "Size"}]}, "AssertDescription": "large ones have 8 or 16"},
        {"Assert": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Size"}, "0"]}]}},
    ],
}
SLOTS = {"Kind": {"Type": "String", "Default": "large"}, "Size": {"Type": "Number", "Default": 8}}


def check(template: dict, **given: str) -> None:
    values = parameter_values(template, given)
    check_rules(template, Target("", "", "eu-west-3").scope(template, values))


def test_the_templates_own_defaults_pass() -> None:
    check(TEMPLATE)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        ({"MonthlyBudgetUsd": "10"}, "MonthlyBudgetUsd is set, but nobody would hear of it"),
        (
            {"AlarmEmail": "a@example.org", "AlarmTopicArn": "arn:aws:sns:eu-west-3:123456789012:t"},
            "AlarmEmail and AlarmTopicArn are both set",
        ),
    ],
)
def test_parameters_that_contradict_each_other_are_named(given: dict[str, str], sentence: str) -> None:
    with pytest.raises(TemplateError, match=sentence):
        check(TEMPLATE, **given)


def test_a_rule_speaks_only_where_its_condition_holds() -> None:
    template = {"Parameters": SLOTS, "Rules": {"Sizes": RULE}}
    check(template)
    check(template, Kind="small", Size="5")
    with pytest.raises(TemplateError, match="Sizes: large ones have 8 or 16"):
        check(template, Size="5")


def test_a_rule_that_is_not_understood_is_an_error_and_no_pass() -> None:
    unknown = {"Assertions": [{"Assert": {"Fn::EachMemberIn": [["a"], ["a", "b"]]}}]}
    with pytest.raises(TemplateError, match="does not know the condition Fn::EachMemberIn"):
        check({"Parameters": SLOTS, "Rules": {"Members": unknown}})

"""Templates of the embedded AWS: expressions, conditions, order, schedules, spark-submit's parameters."""

from datetime import UTC, datetime, timedelta

import pytest

from embedded_aws.cloudformation.deployment import Target, in_order
from embedded_aws.cloudformation.errors import TemplateError
from embedded_aws.cloudformation.intrinsics import Scope, StackResource
from embedded_aws.cloudformation.templates import parameter_values, parse_template
from embedded_aws.emr_serverless.spark_platform import SparkSubmit, driver_environment
from embedded_aws.emr_serverless.spark_runs import RunNotStartedError, check
from embedded_aws.events.cron import Cron
from embedded_aws.events.schedules import due_between


@pytest.fixture
def scope() -> Scope:
    template = {
        "Parameters": {"Size": {"Type": "Number"}, "Names": {"Type": "CommaDelimitedList"}},
        "Conditions": {"Big": {"Fn::Equals": [{"Ref": "Size"}, 9]}, "Small": {"Fn::Not": [{"Condition": "Big"}]}},
        "Mappings": {"Sizes": {"eu-west-3": {"S": "tiny"}}},
    }
    target = Target("stack-id", "fruit", "eu-west-3")
    target.resources["Queue"] = StackResource("AWS::SQS::Queue", "Queue", "https://q", {}, {"Arn": "arn:q"})
    return target.scope(template, {"Size": "9", "Names": "a, b"})


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ({"Ref": "Size"}, "9"),
        ({"Ref": "Names"}, ["a", "b"]),
        ({"Ref": "AWS::StackName"}, "fruit"),
        ({"Ref": "Queue"}, "https://q"),
        ({"Fn::GetAtt": "Queue.Arn"}, "arn:q"),
        ({"Fn::GetAtt": ["Queue", "Arn"]}, "arn:q"),
        ({"Fn::Sub": "${AWS::StackName}-${Queue.Arn}-${!Literal}-${Size}"}, "fruit-arn:q-${Literal}-9"),
        ({"Fn::Sub": ["${x}/${Size}", {"x": {"Ref": "Queue"}}]}, "https://q/9"),
        ({"Fn::Join": ["-", ["a", {"Ref": "Size"}]]}, "a-9"),
        ({"Fn::Select": [1, {"Fn::Split": [",", "x,y"]}]}, "y"),
        ({"Fn::FindInMap": ["Sizes", {"Ref": "AWS::Region"}, "S"]}, "tiny"),
        ({"Fn::If": ["Big", "yes", "no"]}, "yes"),
        ({"Fn::If": ["Small", "yes", "no"]}, "no"),
        ({"a": {"Fn::If": ["Small", 1, {"Ref": "AWS::NoValue"}]}, "b": 2}, {"b": 2}),
        ([1, {"Fn::If": ["Small", 1, {"Ref": "AWS::NoValue"}]}], [1]),
        ({"Fn::Base64": "a"}, "YQ=="),
        ({"Fn::ToJsonString": {"a": {"Ref": "Size"}}}, '{"a": "9"}'),
    ],
)
def test_an_expression_gives_what_cloudformation_gives(scope, expression, value):
    assert scope.resolve(expression) == value


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ({"Ref": "Nobody"}, "Nobody"),
        ({"Fn::GetAtt": "Queue.Colour"}, "Colour"),
        ({"Fn::Cidr": ["10.0.0.0/8", 1]}, "Fn::Cidr"),
        ({"Fn::If": ["Odd", 1, 2]}, "Odd"),
    ],
)
def test_an_expression_that_cannot_be_resolved_is_named(scope, expression, complaint):
    with pytest.raises(TemplateError, match=complaint):
        scope.resolve(expression)


def test_resources_come_after_what_they_refer_to():
    template = {
        "Resources": {
            "A": {"Type": "T", "Properties": {"x": {"Fn::Sub": "${B.Arn}"}}},
            "B": {"Type": "T", "DependsOn": "C"},
            "C": {"Type": "T", "Properties": {"x": {"Fn::GetAtt": ["D", "Arn"]}}},
            "D": {"Type": "T"},
        }
    }
    assert in_order(template) == ["D", "C", "B", "A"]


def test_a_circle_of_resources_is_refused():
    ring = {"A": {"Properties": {"Ref": "B"}}, "B": {"DependsOn": ["A"]}}
    with pytest.raises(TemplateError, match=r"Circular dependency.*A, B"):
        in_order({"Resources": ring})


def test_yaml_keeps_a_policys_date_as_text_and_reads_short_forms():
    template = parse_template("Resources: {A: {Type: T, Properties: {Version: 2012-10-17, B: !GetAtt A.Arn}}}")
    assert template["Resources"]["A"]["Properties"]["Version"] == "2012-10-17"
    assert template["Resources"]["A"]["Properties"]["B"] == {"Fn::GetAtt": ["A", "Arn"]}


def test_parameters_that_nobody_declared_or_gave_are_named():
    with pytest.raises(TemplateError, match="Other"):
        parameter_values({"Parameters": {}}, {"Other": "1"})
    with pytest.raises(TemplateError, match="Size"):
        parameter_values({"Parameters": {"Size": {"Type": "String"}}}, {})
    assert parameter_values({"Parameters": {"Flag": {"Type": "String", "Default": True}}}, {}) == {"Flag": "true"}


NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)  # a Friday


@pytest.mark.parametrize(
    ("expression", "due"),
    [
        ("rate(5 minutes)", timedelta(minutes=5)),
        ("rate(1 hour)", timedelta(hours=1)),
        ("rate(1 day)", timedelta(days=1)),
        ("cron(0 3 * * ? *)", timedelta(hours=15)),
        ("cron(0/15 * * * ? *)", timedelta(minutes=15)),
        ("cron(30 12-13 ? * MON-FRI *)", timedelta(minutes=30)),
        ("cron(0 0 ? * SUN *)", timedelta(hours=36)),
        ("cron(0 1 1 DEC,JAN ? *)", timedelta(days=10, hours=13)),
        ("at(2026-11-20T18:00:00)", timedelta(hours=6)),
    ],
)
def test_a_schedule_fires_when_it_is_due_and_not_before(expression, due):
    assert due_between(expression, NOON, NOON + due) == NOON + due
    assert due_between(expression, NOON, NOON + due - timedelta(seconds=1)) is None


@pytest.mark.parametrize("expression", ["0 3 * *", "0 25 * * ? *", "0 3 L * ? *", "0 3 * * FRI#2 *"])
def test_a_cron_expression_that_is_not_understood_is_refused(expression):
    with pytest.raises(ValueError, match=r"cron|within|neither a number"):
        Cron.parse(expression)


def test_spark_submit_gets_all_parameters_but_the_archives():
    submit = SparkSubmit.parse(
        "--name x --conf spark.archives=s3://b/job.tar.gz#job,s3://b/deps.tar.gz#deps "
        "--conf spark.emr-serverless.driverEnv.A=b=c --conf 'spark.app.x=two words'"
    )
    assert submit.archives == [("s3://b/job.tar.gz", "job"), ("s3://b/deps.tar.gz", "deps")]
    assert driver_environment(submit.confs) == {"A": "b=c"}
    assert submit.passed_on == [
        "--name",
        "x",
        "--conf",
        "spark.emr-serverless.driverEnv.A=b=c",
        "--conf",
        "spark.app.x=two words",
    ]


def test_a_jar_that_would_have_to_be_fetched_is_refused():
    with pytest.raises(RunNotStartedError, match=r"spark\.jars"):
        check(SparkSubmit.parse("--conf spark.jars=s3://b/x.jar"))


@pytest.mark.parametrize(
    ("short", "full"),
    [
        ("!Ref Queue", {"Ref": "Queue"}),
        ("!GetAtt Queue.Arn", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!GetAtt [Queue, Arn]", {"Fn::GetAtt": ["Queue", "Arn"]}),
        ("!Condition IsLarge", {"Condition": "IsLarge"}),
        ("!Sub '${Queue}-x'", {"Fn::Sub": "${Queue}-x"}),
        ("!Sub ['${A}', {A: !Ref Queue}]", {"Fn::Sub": ["${A}", {"A": {"Ref": "Queue"}}]}),
        ("!If [IsLarge, !Ref Queue, !Sub '${A}']", {"Fn::If": ["IsLarge", {"Ref": "Queue"}, {"Fn::Sub": "${A}"}]}),
        ("!Transform {Name: Include}", {"Fn::Transform": {"Name": "Include"}}),
        ("2012-10-17", "2012-10-17"),
    ],
)
def test_a_short_form_is_read_as_the_full_one(short, full):
    assert parse_template(f"Resources:\n  A: {short}\n")["Resources"]["A"] == full

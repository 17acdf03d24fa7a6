"""`--stack`, `--region` and `--endpoint-url`: before the command, after it, and in the environment."""

import pytest

from tests.cli_stack import run_pomona

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test", "AWS_REGION": "eu-west-3"}


def message(*words: str, **environment: str) -> str:
    """Return the message for options with an invalid value, which names the value that counts."""
    told = run_pomona(words, CREDENTIALS | environment)
    assert told.exit_code == 2, told.stderr
    return told.stderr


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--endpoint-url", "one", "status"), "'one' is no address"),
        (("status", "--endpoint-url", "one"), "'one' is no address"),
        (("--region", "a b", "status"), "'a b' is no name of a Region"),
        (("status", "--region", "a b"), "'a b' is no name of a Region"),
        (("--stack", "", "status"), "The name of the stack is empty"),
        (("status", "--stack", ""), "The name of the stack is empty"),
    ],
)
def test_an_option_counts_before_and_after_the_command(words, sentence):
    assert sentence in message(*words)


def test_the_option_after_the_command_wins():
    assert "'two' is no address" in message("--endpoint-url", "one", "status", "--endpoint-url", "two")


@pytest.mark.parametrize("words", [("--endpoint-url", "one", "status"), ("status", "--endpoint-url", "one")])
def test_an_option_wins_over_the_environment(words):
    assert "'one' is no address" in message(*words, AWS_ENDPOINT_URL="environment")


def test_the_environment_counts_without_an_option():
    assert "'environment' is no address" in message("status", AWS_ENDPOINT_URL="environment")
    assert "'x y' is no name of a Region" in message("status", AWS_REGION="", AWS_DEFAULT_REGION="x y")


@pytest.mark.parametrize("words", [("--help",), ("status", "--help")])
def test_the_help_shows_each_option_with_its_variable(words):
    told = run_pomona(words, {}).stdout
    for text in ("--stack", "POMONA_STACK", "--region", "AWS_REGION", "--endpoint-url", "AWS_ENDPOINT_URL"):
        assert text in told

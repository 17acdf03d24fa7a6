"""Asking before something is deleted."""

import io
import sys

import pytest
import typer

from pomona_cli.commands.erase import warn_of_unknown_keys, when_it_starts
from pomona_cli.erasures.scope import ErasureScope, ScopeCounts
from pomona_cli.errors import CliError
from pomona_cli.output.confirmation import confirm


def ask() -> bool:
    return confirm("Delete them for good?", "Nothing was deleted.")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "answer"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_only_a_yes_deletes(monkeypatch, capsys, typed, answer):
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert ask() is answer
    assert "Delete them for good?" in capsys.readouterr().err


def test_without_a_terminal_nobody_is_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(CliError, match="pass --yes"):
        ask()


def test_the_option_that_skips_the_question_is_named(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(CliError, match=r"pass --force\. Nothing was written\."):
        confirm("Overwrite it?", "Nothing was written.", "--force")


def test_ctrl_d_at_the_question_is_an_interruption(monkeypatch, capsys):
    monkeypatch.setattr(sys, "stdin", Terminal(""))
    with pytest.raises(typer.Exit) as ended:
        ask()
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err.endswith("Interrupted. Nothing was deleted.\n")


def test_ctrl_c_at_the_question_is_an_interruption(monkeypatch, capsys):
    def interrupted(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(sys, "stdin", Terminal("y\n"))
    monkeypatch.setattr(Terminal, "readline", interrupted)
    with pytest.raises(typer.Exit) as ended:
        ask()
    assert ended.value.exit_code == 130
    assert capsys.readouterr().err.endswith("Interrupted. Nothing was deleted.\n")


def test_a_slip_in_a_name_is_told_before_the_question(capsys):
    warn_of_unknown_keys(ErasureScope("persn-1/"), ScopeCounts())
    warn_of_unknown_keys(ErasureScope(None, ["a", "b", "c"]), ScopeCounts(objects=1, unknown=2))
    warn_of_unknown_keys(ErasureScope(None, ["a"]), ScopeCounts(rows=1))
    assert capsys.readouterr().err.splitlines() == [
        "Nothing of the prefix 'persn-1/' is in the bucket or the table: check the spelling.",
        "2 keys are neither in the bucket nor in the table: check the spelling.",
    ]


@pytest.mark.parametrize(("minutes", "words"), [(0, "starts now, or after"), (1, "within 1 minute, or")])
def test_when_the_run_of_an_erasure_starts(minutes, words):
    assert words in when_it_starts(minutes)

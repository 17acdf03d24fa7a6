"""Asking before something is deleted."""

import io
import sys

import pytest
import typer

from pomona_cli.changing import _warn, _when_it_starts
from pomona_cli.confirming import confirmed
from pomona_cli.erase import Found, Subject
from pomona_cli.errors import CliError


def ask() -> bool:
    return confirmed("Delete them for good?", "Nothing was deleted.")


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
    _warn(Subject("persn-1/"), Found())
    _warn(Subject(None, ["a", "b", "c"]), Found(objects=1, unknown=2))
    _warn(Subject(None, ["a"]), Found(rows=1))
    assert capsys.readouterr().err.splitlines() == [
        "Nothing of the prefix 'persn-1/' is in the bucket or the table: look for a slip in it.",
        "2 keys are neither in the bucket nor in the table: look for a slip.",
    ]


@pytest.mark.parametrize(("minutes", "words"), [(0, "starts now, or as soon as"), (1, "within 1 minute, or")])
def test_when_the_run_of_an_erasure_starts(minutes, words):
    assert words in _when_it_starts(minutes)

"""Asking before something is deleted."""

import io
import sys

import pytest

from pomona_cli.changing import _confirmed
from pomona_cli.errors import CliError


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(("typed", "confirmed"), [("y\n", True), ("n\n", False), ("\n", False)])
def test_only_a_yes_deletes(monkeypatch, capsys, typed, confirmed):
    monkeypatch.setattr(sys, "stdin", Terminal(typed))
    assert _confirmed() is confirmed
    assert "Delete them for good?" in capsys.readouterr().err


def test_without_a_terminal_nobody_is_asked(monkeypatch):
    monkeypatch.setattr(sys, "stdin", io.StringIO("y\n"))
    with pytest.raises(CliError, match="pass --yes"):
        _confirmed()

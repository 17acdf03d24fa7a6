"""What is said when a deployment into the embedded AWS fails for a reason of this machine."""

import shutil
from pathlib import Path

import pytest

from demo import deploy
from demo.cloud import EmbeddedCloud
from demo.errors import DeployError


@pytest.mark.parametrize(("free", "said"), [(1 << 20, "is full"), (10 << 30, "ended with")])
def test_a_full_disk_is_named_and_nothing_else_is_taken_for_it(monkeypatch, tmp_path: Path, free: int, said: str):
    # Given a command line of SAM that fails, on a disk with so much room
    python = tmp_path / ".venv/sam/bin/python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\nexit 3\n")
    python.chmod(0o755)
    monkeypatch.setattr(deploy, "ROOT", tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(1 << 40, 0, free))
    with pytest.raises(DeployError, match=said):
        deploy.deploy(EmbeddedCloud("http://127.0.0.1:1"), tmp_path, {})
    # And nothing of SAM's stays in the temporary folder
    assert not list(tmp_path.glob("sam-*/"))

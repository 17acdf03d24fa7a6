"""What `pip install .` installs."""

import zipfile

from hatchling.build import build_wheel

from tests.local_server import ROOT


def test_the_wheel_has_the_command_the_queue_the_prices_and_the_projection(tmp_path, monkeypatch):
    monkeypatch.chdir(ROOT)
    with zipfile.ZipFile(tmp_path / build_wheel(str(tmp_path))) as wheel:
        names = wheel.namelist()
        (entry,) = [name for name in names if name.endswith("entry_points.txt")]
        assert "pomona = pomona_cli.main:main" in wheel.read(entry).decode()
    assert {
        "pomona_cli/main.py",
        "pomona_cli/app.py",
        "pomona_cli/commands/status.py",
        "pomona_intake/queue/queue.py",
        "pomona_contract/prices.json",
        "pomona/projection.py",
    } <= set(names)
    assert {name.split("/")[0] for name in names if ".dist-info" not in name} == {
        "pomona",
        "pomona_cli",
        "pomona_contract",
        "pomona_intake",
    }
    assert not [name for name in names if name.endswith(".pyc")]

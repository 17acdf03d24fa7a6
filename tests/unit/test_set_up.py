"""What the scripts below tools/ say on a machine that lacks something, and which index uv is given."""

import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path

import pytest

TOOLS = Path(__file__).resolve().parents[2] / "tools"
COMMANDS = ("sh", "awk", "cat", "dirname", "env", "grep", "head", "rm", "sed")
JAVA = "echo 'openjdk version \"17.0.15\"' >&2"
PYTHON = 'case "$*" in *version_info*) echo 3.11 ;; -V) echo Python 3.11.7 ;; esac'
OLD_PYTHON = 'case "$*" in *version_info*) echo 3.9 ;; -V) echo Python 3.9.2 ;; esac'
PYTHON_WITHOUT_VENV = 'case "$*" in *ensurepip*) exit 1 ;; *version_info*) echo 3.11 ;; esac'
UV = '[ "$1" = --version ] && echo uv 0.13.8'


@dataclass(frozen=True)
class Machine:
    """A machine that has the named commands, and nothing else on its PATH."""

    home: Path

    def has(self, name: str, script: str) -> None:
        command = self.home / "bin" / name
        command.write_text(f"#!/bin/sh\n{script}\n")
        command.chmod(0o755)

    def run(self, script: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", str(self.home / "tools" / script), *words],
            env={"PATH": str(self.home / "bin"), "HOME": str(self.home), **environment},
            capture_output=True,
            text=True,
            check=False,
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    home = tmp_path / "a clone"
    (home / "bin").mkdir(parents=True)
    shutil.copytree(TOOLS, home / "tools", ignore=shutil.ignore_patterns("__pycache__"))
    for name in COMMANDS:
        found = shutil.which(name)
        assert found
        (home / "bin" / name).symlink_to(found)
    return Machine(home)


def test_a_machine_with_everything_passes_in_silence(machine: Machine):
    machine.has("python3.11", PYTHON)
    machine.has("java", JAVA)
    done = machine.run("preflight.sh", "python3.11", "java")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@pytest.mark.parametrize(
    ("commands", "said"),
    [
        ({"python3.11": PYTHON}, "needs Java 17 or 21 ('java' is not on the PATH): apt-get install openjdk-17"),
        (
            {"python3.11": PYTHON, "java": "echo 'openjdk version \"11.0.2\"' >&2"},
            "needs Java 17 or 21 ('java' is version 11): apt-get install openjdk-17",
        ),
        ({"java": JAVA}, "needs Python 3.11 ('python3.11' is not on the PATH): apt-get install python3.11"),
        ({"java": JAVA, "python3.11": OLD_PYTHON}, "needs Python 3.11 ('python3.11' is Python 3.9.2): apt-get install"),
        (
            {"java": JAVA, "python3.11": PYTHON_WITHOUT_VENV},
            "needs uv, or Python's venv module: apt-get install python3.11-venv",
        ),
        (
            {"java": JAVA, "python3.11": PYTHON_WITHOUT_VENV, "uv": "echo uv 0.4.30"},
            "needs uv, or Python's venv module: apt-get install python3.11-venv",
        ),
    ],
    ids=["no Java", "an old Java", "no Python", "another Python", "no venv module", "no venv module and an old uv"],
)
def test_what_is_missing_is_named_in_one_sentence(machine: Machine, commands: dict[str, str], said: str):
    for name, script in commands.items():
        machine.has(name, script)
    done = machine.run("preflight.sh", "python3.11", "java")
    assert done.returncode == 1
    assert said in done.stderr
    assert done.stderr.count("\n") == 1


def test_with_uv_neither_python_nor_its_venv_module_is_asked_for(machine: Machine):
    machine.has("java", JAVA)
    machine.has("uv", UV)
    assert machine.run("preflight.sh", "python3.11", "java").returncode == 0
    machine.has("python3.11", PYTHON_WITHOUT_VENV)
    assert machine.run("preflight.sh", "python3.11", "java").returncode == 0


def test_a_python_that_was_asked_for_by_path_must_be_there(machine: Machine):
    machine.has("java", JAVA)
    machine.has("uv", UV)
    done = machine.run("preflight.sh", "/opt/python3.11", "java")
    assert done.returncode == 1
    assert "('/opt/python3.11' is not on the PATH)" in done.stderr


def test_a_python_that_uv_cannot_download_is_named_in_one_sentence(machine: Machine):
    machine.has("uv", f"{UV} || {{ echo could not connect >&2; exit 2; }}")
    done = machine.run("get_uv.sh", "python3.11")
    assert done.returncode == 1
    assert done.stderr.startswith(
        "Pomona needs Python 3.11 ('python3.11' is not on the PATH, and uv could not download"
    )
    assert done.stderr.count("\n") == 1


def test_uv_brings_a_python_that_is_missing(machine: Machine):
    machine.has("uv", f'{UV} || {{ echo "$@" >> "$HOME/asked"; [ "$2" = install ]; }}')
    assert machine.run("get_uv.sh", "python3.11").returncode == 0
    assert (machine.home / "asked").read_text().splitlines() == [
        "python find --quiet 3.11",
        "python install --quiet 3.11",
    ]


def test_a_uv_that_cannot_be_installed_is_named(machine: Machine):
    machine.has("python3.11", 'case "$*" in *venv*) exit 1 ;; esac')
    done = machine.run("get_uv.sh", "python3.11")
    assert done.returncode == 1
    assert "Pomona needs uv: pip could not install it" in done.stderr


def test_without_uv_the_script_ends_as_a_shell_does_for_an_unknown_command(machine: Machine):
    assert machine.run("uv.sh", "--version").returncode == 127


def test_uv_takes_pips_index(machine: Machine):
    # Given pip's configuration, as `pip config list` prints it
    links = machine.home.parent / "wheels"
    links.mkdir()
    lines = [
        f":env:.find-links='{links} /not/there'",
        "global.cert='/etc/roots.pem'",
        "global.extra-index-url='\\nhttps://a.example/simple\\nhttps://b.example/simple'",
        "global.index-url='https://global.example/simple'",
        "install.index-url='https://install.example/simple'",
    ]
    printed = machine.home / "pip.txt"
    printed.write_text("\n".join(lines))
    machine.has("python3.11", f"cat '{printed}'")
    machine.has("uv", f"{UV} || env")
    # When uv installs something
    done = machine.run("uv.sh", "pip", "sync", "x.txt")
    # Then it is given what pip would use
    given = dict(line.split("=", 1) for line in done.stdout.splitlines())
    assert given["UV_DEFAULT_INDEX"] == "https://install.example/simple"
    assert given["UV_INDEX"].split() == ["https://a.example/simple", "https://b.example/simple"]
    assert given["UV_FIND_LINKS"] == str(links)
    assert given["SSL_CERT_FILE"] == "/etc/roots.pem"


@pytest.mark.parametrize("own", ["environment", "file"])
def test_an_index_of_uvs_own_comes_before_pips(machine: Machine, own: str):
    machine.has("python3.11", "echo \"global.index-url='https://pip.example/simple'\"")
    machine.has("uv", f"{UV} || env")
    environment = {"UV_DEFAULT_INDEX": "https://uv.example/simple"} if own == "environment" else {}
    if own == "file":
        (machine.home / ".config" / "uv").mkdir(parents=True)
        (machine.home / ".config" / "uv" / "uv.toml").write_text('index-url = "https://uv.example/simple"\n')
    done = machine.run("uv.sh", "pip", "sync", "x.txt", **environment)
    assert done.returncode == 0
    assert "pip.example" not in done.stdout


def test_progress_ends_as_the_command_ended(machine: Machine):
    machine.has("sleep", "exec /bin/sleep 0")
    machine.has("date", "echo 0")
    assert machine.run("with-progress.sh", "working", "sh", "-c", "exit 7").returncode == 7

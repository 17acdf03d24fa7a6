"""`pomona identify`: files on this machine, the results and the network of a deployed stack."""

from pathlib import Path

import pytest

from pomona_cli import identification
from tests.cli_documents import lines
from tests.cli_stack import CliStack
from tests.identify_results import IMAGES, LABEL, put_backbone, put_results


@pytest.fixture(scope="module")
def identifying(aws):
    stack = CliStack(aws, "cli-identify")
    put_results(stack.s3, stack.lake)
    put_backbone(stack.s3, stack.lake)
    return stack


@pytest.fixture
def identify(identifying, tmp_path):
    def run(*words, stdin=None):
        return identifying.pomona("identify", *words, stdin=stdin, XDG_CACHE_HOME=str(tmp_path))

    return run


def sample(name):
    return str(IMAGES / name)


def test_a_photograph_is_named_with_what_it_may_be_else_and_what_it_is_like(identify):
    told = identify(sample("kiwi/kiwi-11.jpg"), "--candidates", "2", "--nearest", "2")
    assert (told.exit_code, told.stderr) == (0, "")
    first, other, *similar = told.stdout.splitlines()
    assert first.startswith(f"{sample('kiwi/kiwi-11.jpg')}: kiwi ")
    assert other.startswith("  else     ")
    assert len(similar) == 2
    assert all(" kiwi/kiwi-" in line for line in similar)


def test_json_has_one_object_a_file(identify):
    told = identify(sample("kiwi/kiwi-11.jpg"), sample("lemon/lemon-11.jpg"), "--json", "--nearest", "1")
    found = lines(told.stdout)
    assert [one["label"] for one in found] == ["kiwi", "lemon"]
    assert all(len(one["nearest"]) == 1 and one["model"]["backbone"] == LABEL for one in found)


def test_stdin_is_a_file(identify):
    told = identify("-", "--json", stdin=Path(sample("apple/apple-11.jpg")).read_bytes())
    assert [(one["file"], one["label"]) for one in lines(told.stdout)] == [("-", "apple")]


def test_a_bad_file_gets_its_reason_and_the_others_go_on(identify):
    told = identify("none.jpg", sample("broken/shopping list.jpg"), sample("kiwi/kiwi-11.jpg"))
    assert told.exit_code == 1
    assert "none.jpg: No such file or directory" in told.stderr
    assert "shopping list.jpg: not an image" in told.stderr
    assert ": kiwi " in told.stdout


def test_a_file_above_the_limit_of_the_job_is_refused(aws, tmp_path):
    stack = CliStack(aws, "cli-identify-small", MAX_IMAGE_BYTES="1000")
    put_results(stack.s3, stack.lake)
    put_backbone(stack.s3, stack.lake)
    told = stack.pomona("identify", sample("kiwi/kiwi-11.jpg"), "--json", XDG_CACHE_HOME=str(tmp_path))
    assert told.exit_code == 1
    assert "more bytes than the limit of 1,000" in told.stderr
    assert "MaxImageBytes" in lines(told.stdout)[0]["error"]


def test_the_network_is_kept_and_no_result_is(identify, tmp_path):
    assert identify(sample("kiwi/kiwi-11.jpg")).exit_code == 0
    kept = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    folder = f"pomona/backbones/{LABEL.replace('@', '-')}"
    assert kept == {f"{folder}/fruitnet.json", f"{folder}/fruitnet.tflite"}


def test_before_the_first_refit_a_sentence_says_so(common, tmp_path):
    told = common.pomona("identify", sample("kiwi/kiwi-11.jpg"), XDG_CACHE_HOME=str(tmp_path))
    assert told.exit_code == 1
    assert "There are no results yet" in told.stderr


def test_missing_packages_are_named_with_the_command_that_brings_them(identify, monkeypatch):
    monkeypatch.setitem(identification._EXTRA, "no_such_module", "no-such-package")
    told = identify(sample("kiwi/kiwi-11.jpg"))
    assert told.exit_code == 1
    assert "no-such-package: install them with pip install '.[identify]'" in told.stderr

"""`pomona similar`: an image of the table, or a file, against the images of the last refit."""

import numpy as np
import pytest

from tests.cli_documents import HOSTILE, lines
from tests.cli_stack import CliStack
from tests.identify_results import IMAGES, LABEL, put_backbone, put_results, sample_features


@pytest.fixture(scope="module")
def filled(aws):
    """A stack with results of apples, bananas, kiwis and lemons, and rows that are newer than these."""
    stack = CliStack(aws, "cli-similar")
    put_results(stack.s3, stack.lake)
    put_backbone(stack.s3, stack.lake)
    kiwi = sample_features("kiwi/kiwi-11.jpg")
    stack.append(
        stack.row("new/kiwi.jpg", backbone=LABEL, features=kiwi),
        stack.row("old/kiwi.jpg", backbone="other@1", features=[0.5, 1.0]),
        stack.row("new/nothing.jpg", backbone=LABEL, features=np.zeros_like(kiwi)),
        *(stack.row(f"bad/{key}", error="not an image", features=None) for key in HOSTILE),
    )
    return stack


def test_an_image_of_the_table_is_like_others_of_its_class_and_not_in_its_own_list(filled):
    told = filled.pomona("similar", "kiwi/kiwi-03.jpg", "--k", "4", "--json")
    assert (told.exit_code, told.stderr) == (0, "")
    found = lines(told.stdout)
    assert [one["label"] for one in found] == ["kiwi"] * 4
    assert "kiwi/kiwi-03.jpg" not in [one["key"] for one in found]
    assert [one["similarity"] for one in found] == sorted((one["similarity"] for one in found), reverse=True)


def test_people_read_the_similarity_and_the_key(filled):
    shown = filled.pomona("similar", "kiwi/kiwi-03.jpg", "-k", "2").stdout.splitlines()
    assert [line[0].isdigit() and " kiwi/kiwi-" in line for line in shown] == [True, True]


def test_more_images_than_there_are_are_all_of_them(filled):
    assert len(lines(filled.pomona("similar", "kiwi/kiwi-03.jpg", "--k", "1000", "--json").stdout)) == 39


def test_an_image_that_is_newer_than_the_refit_is_compared_by_its_features(filled):
    found = lines(filled.pomona("similar", "new/kiwi.jpg", "--k", "3", "--json").stdout)
    assert [one["label"] for one in found] == ["kiwi"] * 3


def test_a_file_is_compared_as_the_job_would(filled, tmp_path):
    # Given the file of an image that the refit has seen
    told = filled.pomona(
        "similar", str(IMAGES / "kiwi/kiwi-03.jpg"), "--k", "1", "--json", XDG_CACHE_HOME=str(tmp_path)
    )
    # Then that image is the nearest
    (found,) = lines(told.stdout)
    assert (found["key"], found["similarity"]) == ("kiwi/kiwi-03.jpg", pytest.approx(1, abs=1e-3))


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        ("none/x.jpg", "none/x.jpg is no key of the table, and there is no such file."),
        (f"bad/{HOSTILE[0]}", "could not be read, so nothing is like it: not an image."),
        ("old/kiwi.jpg", "has features of other@1"),
        ("new/nothing.jpg", "are all zero or not finite"),
        (str(IMAGES / "broken" / "shopping list.jpg"), "shopping list.jpg: not an image"),
    ],
)
def test_what_nothing_is_like_gets_a_sentence(filled, tmp_path, image, sentence):
    told = filled.pomona("similar", image, XDG_CACHE_HOME=str(tmp_path))
    assert (told.exit_code, told.stdout) == (1, "")
    assert sentence in told.stderr


def test_before_the_first_refit_a_sentence_says_so(common):
    told = common.pomona("similar", "kiwi/kiwi-03.jpg")
    assert (told.exit_code, "There are no results yet" in told.stderr) == (1, True)


def test_before_the_first_run_a_key_is_unknown(aws):
    stack = CliStack(aws, "cli-similar-empty")
    put_results(stack.s3, stack.lake)
    told = stack.pomona("similar", "x.jpg")
    assert (told.exit_code, "x.jpg is no key of the table" in told.stderr) == (1, True)


def test_a_table_without_an_index_says_so(aws):
    stack = CliStack(aws, "cli-similar-large")
    prefix = put_results(stack.s3, stack.lake)
    stack.s3.delete_object(Bucket=stack.lake, Key=f"{prefix}neighbours.npz")
    told = stack.pomona("similar", "kiwi/kiwi-03.jpg")
    assert (told.exit_code, "There is no index of similar images" in told.stderr) == (1, True)

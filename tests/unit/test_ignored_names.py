"""Which names are no images: the functions, the command line, the job and the demo have one rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.template import parameter_defaults
from demo.results import matches_a_name
from pomona.featurize.ignored_names import IgnoredNames
from pomona_intake.ingest.selection import Selection, listed

DEFAULT = listed(parameter_defaults()["IgnoredNames"])
COMPANIONS = [
    ".DS_Store",
    "photos/.DS_Store",
    "photos/._beach.jpg",
    "photos/._.DS_Store",
    "photos/Thumbs.db",
    "photos/thumbs.db",
    "photos/ehthumbs.db",
    "photos/ehthumbs_vista.db",
    "photos/Desktop.ini",
    "photos/.picasa.ini",
    "photos/.localized",
    "photos/.nomedia",
    "photos_$folder$",
    "photos/sub_$folder$",
    "photos/._line\nend.jpg",
]
IMAGES = [
    "photos/beach.jpg",
    "photos/",
    "photos/.hidden.jpg",
    ".DS_Store/beach.jpg",
    "._photos/beach.jpg",
    "Thumbs.db/1.jpg",
    "photos/my Thumbs.db.jpg",
    "photos/$folder$.jpg",
    "photos_$folder$/1.jpg",
    "._photos/",
]


@pytest.mark.parametrize("key", COMPANIONS)
def test_what_desktops_and_sync_tools_leave_is_no_image(key: str) -> None:
    assert not Selection(ignored_names=DEFAULT).takes(key)


@pytest.mark.parametrize("key", IMAGES)
def test_a_name_that_only_resembles_them_is_an_image_and_so_is_what_lies_in_such_a_folder(key: str) -> None:
    assert Selection(ignored_names=DEFAULT).takes(key)


def test_without_names_nothing_is_ignored() -> None:
    assert all(Selection().takes(key) for key in (*COMPANIONS, *IMAGES, ""))


def test_a_name_is_ignored_whatever_the_prefixes_and_suffixes() -> None:
    selection = Selection(("photos/",), (".jpg",), ("._*",))
    assert [key for key in (*COMPANIONS, *IMAGES) if selection.takes(key)] == [
        "photos/beach.jpg",
        "photos/.hidden.jpg",
        "photos/my Thumbs.db.jpg",
        "photos/$folder$.jpg",
    ]


# ASCII: of other letters, upper and lower case are not always one character each
TEXTS = st.text(st.sampled_from("aB.*?[]!-_$/\\( |\n"), max_size=8)


@given(TEXTS, st.lists(TEXTS.map(lambda text: text.replace("/", "")), max_size=3))
def test_functions_job_and_demo_agree(key: str, patterns: list[str]) -> None:
    ignored = Selection(ignored_names=tuple(patterns)).ignores(key)
    assert IgnoredNames(tuple(patterns)).matches(key) == ignored
    assert matches_a_name(key, patterns) == ignored

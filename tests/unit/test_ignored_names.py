"""Which names are no images: the functions, the command line, the job and the demo use this one rule."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.template import parameter_defaults
from pomona_contract.image_keys import IgnoredNames, decode_patterns, encode_patterns
from pomona_intake.image_selection import ImageSelection, split_list

DEFAULT = split_list(parameter_defaults()["IgnoredNames"])
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
    "photos/Icon\r",
    "Icon\r",
    "photos/@eaDir/beach.jpg/SYNOPHOTO_THUMB_XL.jpg",
    "@eaDir/beach.jpg/SYNOPHOTO_THUMB_M.jpg",
    "photos/@EADIR/beach.jpg@SynoEAStream",
    "photos/@eaDir/",
    "photos/.@__thumb/default1.jpg",
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
    "photos/Icon",
    "photos/icons",
    "photos/Icon1",
    "photos/Icon\r.jpg",
    "photos/@eaDir",
    "photos/@eaDir2/beach.jpg",
    "photos/my@eaDir/beach.jpg",
    "photos/@eaDir.jpg",
]


@pytest.mark.parametrize("key", COMPANIONS)
def test_what_desktops_and_sync_tools_leave_is_no_image(key: str) -> None:
    assert not ImageSelection(ignored_names=IgnoredNames(DEFAULT)).takes(key)


@pytest.mark.parametrize("key", IMAGES)
def test_a_name_that_only_resembles_them_is_an_image_and_so_is_what_lies_in_such_a_folder(key: str) -> None:
    assert ImageSelection(ignored_names=IgnoredNames(DEFAULT)).takes(key)


def test_without_names_nothing_is_ignored() -> None:
    assert all(ImageSelection().takes(key) for key in (*COMPANIONS, *IMAGES, ""))


def test_a_name_is_ignored_whatever_the_prefixes_and_suffixes() -> None:
    selection = ImageSelection(("photos/",), (".jpg",), IgnoredNames(("._*",)))
    keys = ["photos/beach.jpg", "photos/._beach.jpg", "photos/beach.png", "beach.jpg", "photos/.hidden.jpg"]
    assert [key for key in keys if selection.takes(key)] == ["photos/beach.jpg", "photos/.hidden.jpg"]


@pytest.mark.parametrize(
    ("pattern", "ignored"),
    [
        ("cache/", ["cache/1.jpg", "a/cache/1.jpg", "a/Cache/b/1.jpg", "cache/"]),
        ("*cache/", ["cache/1.jpg", "a/cache/1.jpg", "a/Cache/b/1.jpg", "cache/", "a/my cache/1.jpg"]),
        ("cache", ["a/cache"]),
        ("a/", ["a/cache/1.jpg", "a/Cache/b/1.jpg", "a/cache", "a/my cache/1.jpg", "a/cached/1.jpg"]),
    ],
)
def test_a_pattern_that_ends_with_a_slash_is_for_every_folder_of_a_key(pattern: str, ignored: list[str]) -> None:
    keys = [
        "cache/1.jpg",
        "a/cache/1.jpg",
        "a/Cache/b/1.jpg",
        "cache/",
        "a/cache",
        "a/my cache/1.jpg",
        "a/cached/1.jpg",
    ]
    assert [key for key in keys if IgnoredNames((pattern,)).matches(key)] == [key for key in keys if key in ignored]


@given(st.lists(st.text(min_size=1), min_size=1, max_size=4).map(tuple))
def test_patterns_survive_the_argument_of_a_job(patterns: tuple[str, ...]) -> None:
    argument = encode_patterns(patterns)
    assert decode_patterns(argument) == patterns
    assert not argument.startswith("-")
    assert not set(argument) & set(" *?[]~$'\"\\")

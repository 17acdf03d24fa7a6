"""The images of the benchmarks: the same ones every time, and large enough an archive."""

import io
import tarfile
from itertools import islice

import pytest
from PIL import Image

from benchmarks import gateway, pictures
from benchmarks.pictures import Pictures
from benchmarks.places import BenchError


def test_generated_images_are_the_same_every_time_and_all_different():
    # Given two generators; when each makes some images
    one, other = (list(Pictures().objects(count)) for count in (8, 5))
    # Then their order and content do not depend on how many are made
    assert one[:5] == other
    assert len({body for _, body in one}) == 8
    with Image.open(io.BytesIO(one[0][1])) as image:
        assert (image.format, image.size) == ("JPEG", (pictures.SMALL, pictures.SMALL))


def test_a_photograph_has_the_detail_of_one(monkeypatch):
    # Given a smaller phone
    monkeypatch.setattr(pictures, "PHONE", (400, 300))
    # When it takes a photograph
    (body,) = islice(Pictures().photographs(1), 1)
    # Then it has about as many bytes a pixel as real ones (0.2 to 0.5)
    assert 0.15 < len(body) / (400 * 300) < 0.6


def test_an_archive_with_too_few_images_is_refused_by_name(tmp_path):
    # Given an archive with one image
    path = tmp_path / "few.tar"
    body = next(iter(Pictures().objects(1)))[1]
    with tarfile.open(path, "w") as archive:
        entry = tarfile.TarInfo("a/b.jpg")
        entry.size = len(body)
        archive.addfile(entry, io.BytesIO(body))
    # When more are asked for, then the error says what to do
    with pytest.raises(BenchError, match=r"few.tar has 1 images and 2 are needed"):
        list(Pictures(path).objects(2))


def test_a_folder_serves_as_well_as_an_archive(tmp_path):
    # Given a folder with an image and something else
    body = next(iter(Pictures().objects(1)))[1]
    (tmp_path / "class").mkdir()
    (tmp_path / "class" / "one.JPG").write_bytes(body)
    (tmp_path / "class" / "notes.txt").write_text("no image")
    # When its images are taken, then there is that one, under its own path
    assert list(Pictures(tmp_path).objects(1)) == [("images/class/one.JPG", body)]


def test_a_machine_without_go_is_told_what_to_install(tmp_path, monkeypatch):
    # Given a machine on which nothing has been built, and no Go
    monkeypatch.setattr(gateway, "BUILD", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    # When the server is wanted, then one sentence says what is missing
    with pytest.raises(BenchError, match="need Go"):
        gateway.program()


def test_where_there_are_too_few_images_they_follow_again_under_other_keys(tmp_path):
    # Given a folder of three images
    for name in "abc":
        (tmp_path / f"{name}.jpg").write_bytes(name.encode())
    # When seven are asked for
    objects = list(Pictures(tmp_path).repeated(7))
    # Then each has a key of its own
    assert [body for _, body in objects] == [b"a", b"b", b"c", b"a", b"b", b"c", b"a"]
    assert len({key for key, _ in objects}) == 7
    assert [key for key, _ in objects][:3] == [key for key, _ in Pictures(tmp_path).objects(3)]


def test_a_folder_without_images_is_named(tmp_path):
    with pytest.raises(BenchError, match="has no images"):
        list(Pictures(tmp_path).repeated(1))

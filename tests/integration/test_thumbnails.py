"""The thumbnails of the report: small, upright, and without those that cannot be made; nothing ends the refit."""

import io
import threading

import boto3
import numpy as np
import pytest
from moto.server import ThreadedMotoServer
from PIL import Image

from pomona.imaging.preprocessing import PreprocessedImage
from pomona.imaging.thumbnail import QUALITIES, webp_thumbnail
from pomona.refit import thumbnails
from pomona.refit.thumbnails import MOST_BYTES, MOST_THUMBNAILS, make_thumbnails
from pomona.s3 import objects
from pomona.s3.image_fetcher import ImageFetcher

BUCKET = "images"


@pytest.fixture(scope="module")
def s3():
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            patch.setenv(name, "test")
        patch.setenv("AWS_DEFAULT_REGION", "us-east-1")
        objects.s3_client.cache_clear()
        client = boto3.client("s3")
        client.create_bucket(Bucket=BUCKET)
        yield client
    objects.s3_client.cache_clear()
    server.stop()


def noise(width, height, exif=None):
    """A picture that no encoder makes small, as a JPEG."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).save(content, format="JPEG", quality=90, **({"exif": exif} if exif else {}))
    return content.getvalue()


def turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def opened(picture):
    return Image.open(io.BytesIO(picture))


def test_a_thumbnail_is_small_upright_and_has_the_proportions_of_the_image(s3):
    # Given a wide photograph, and one that a camera stored on its side, with odd keys
    s3.put_object(Bucket=BUCKET, Key="apple/1 é.jpg", Body=noise(800, 400))
    s3.put_object(Bucket=BUCKET, Key="/../pear//2.jpg", Body=noise(800, 400, turned()))
    # When thumbnails are made
    made = make_thumbnails(BUCKET, ["apple/1 é.jpg", "/../pear//2.jpg", "apple/1 é.jpg"])
    # Then each has the proportions in which the image is shown, and is within its limit
    assert opened(made["apple/1 é.jpg"]).size == (96, 48)
    assert opened(made["/../pear//2.jpg"]).size == (48, 96)
    assert all(len(picture) <= MOST_BYTES for picture in made.values())
    assert {opened(picture).format for picture in made.values()} == {"WEBP"}


def test_what_is_missing_or_broken_or_too_costly_has_no_thumbnail(s3, monkeypatch):
    s3.put_object(Bucket=BUCKET, Key="good.jpg", Body=noise(200, 200))
    s3.put_object(Bucket=BUCKET, Key="text.jpg", Body=b"no image at all")
    s3.put_object(Bucket=BUCKET, Key="cut.jpg", Body=noise(200, 200)[:3000])
    s3.put_object(Bucket=BUCKET, Key="large.jpg", Body=noise(900, 900))
    monkeypatch.setattr(thumbnails, "LARGEST_IMAGE_BYTES", 200_000)
    made = make_thumbnails(BUCKET, ["text.jpg", "gone.jpg", "cut.jpg", "large.jpg", "good.jpg"])
    assert set(made) == {"good.jpg"}


def test_the_memory_for_a_few_images_is_enough_for_any_number(s3, monkeypatch):
    # Given memory for two of the images that are fetched
    body = noise(200, 200)
    monkeypatch.setattr(thumbnails, "FETCHED_BYTES", 2 * len(body))
    keys = [f"many/{number}.jpg" for number in range(8)]
    for key in keys:
        s3.put_object(Bucket=BUCKET, Key=key, Body=body if key != keys[0] else body[:3000])
    # Then each of them gives back what it took, also one that cannot be decoded
    assert set(make_thumbnails(BUCKET, keys)) == set(keys[1:])


def test_a_key_that_is_wanted_twice_takes_the_place_of_no_other(s3, monkeypatch):
    s3.put_object(Bucket=BUCKET, Key="good.jpg", Body=noise(200, 200))
    s3.put_object(Bucket=BUCKET, Key="other.jpg", Body=noise(200, 200))
    monkeypatch.setattr(thumbnails, "MOST_THUMBNAILS", 2)
    assert set(make_thumbnails(BUCKET, ["good.jpg", "good.jpg", "other.jpg"])) == {"good.jpg", "other.jpg"}


@pytest.mark.parametrize(("contrast", "is_made"), [(80, True), (255, False)])
def test_a_picture_that_stays_too_large_at_any_quality_is_left_out(contrast, is_made):
    # Given grains as large as pixels, which are too large at the best quality
    grains = (np.random.default_rng(0).integers(0, 2, (96, 96, 3)) * contrast).astype(np.uint8)
    best = io.BytesIO()
    Image.fromarray(grains).save(best, format="WEBP", quality=QUALITIES[0], method=4)
    assert best.tell() > MOST_BYTES
    # Then a lower quality is taken if one is small enough
    picture = webp_thumbnail(PreprocessedImage(grains, 96, 96), MOST_BYTES)
    assert (picture is not None) == is_made
    assert picture is None or len(picture) <= MOST_BYTES


def test_a_bucket_that_is_refused_or_not_there_makes_no_thumbnails(s3):
    assert make_thumbnails("no-such-bucket", ["a.jpg", "b.jpg"]) == {}


def test_an_unexpected_error_costs_one_thumbnail(s3, monkeypatch, caplog):
    s3.put_object(Bucket=BUCKET, Key="good.jpg", Body=noise(200, 200))
    fetch = ImageFetcher.fetch

    def failing(self, dirty):
        if dirty.key == "strange.jpg":
            raise ZeroDivisionError
        return fetch(self, dirty)

    monkeypatch.setattr(ImageFetcher, "fetch", failing)
    assert set(make_thumbnails(BUCKET, ["strange.jpg", "good.jpg"])) == {"good.jpg"}
    assert "ZeroDivisionError" in caplog.text


def test_no_image_is_fetched_after_the_time_is_up(s3, monkeypatch):
    fetched, release = [], threading.Event()

    def slow(self, dirty):
        fetched.append(dirty.key)
        release.wait(30)
        raise TimeoutError

    # Given images that all hang until the time is up
    monkeypatch.setattr(ImageFetcher, "fetch", slow)
    timer = threading.Timer(0.3, release.set)
    timer.start()
    # When more are wanted than are fetched at once
    made = make_thumbnails(BUCKET, [str(number) for number in range(50)], seconds=0.1)
    timer.join()
    # Then the others are not begun
    assert made == {}
    assert len(fetched) == thumbnails.FETCH_THREADS


def test_there_are_at_most_so_many_thumbnails(s3, monkeypatch):
    tried = []

    def unread(self, dirty):
        tried.append(dirty.key)
        raise TimeoutError

    monkeypatch.setattr(ImageFetcher, "fetch", unread)
    make_thumbnails(BUCKET, [str(number) for number in range(500)])
    assert len(tried) == MOST_THUMBNAILS

"""The report of a refit has thumbnails, knows the refits before it, and is gone with an erasure."""

import io
import json
import re
import uuid

import numpy as np
import pytest
from PIL import Image

from pomona.s3.objects import remove_folder
from pomona_contract.lake_layout import RESULTS


def photograph(number):
    pixels = np.random.default_rng(number).integers(0, 256, (12, 16, 3), np.uint8)
    content = io.BytesIO()
    Image.fromarray(pixels).resize((640, 480)).save(content, format="JPEG")
    return content.getvalue()


@pytest.fixture
def orchard(table_of_width, s3, images):
    """A table of two classes whose images are in a bucket, but for one."""
    rng, rows = np.random.default_rng(0), []
    for code in range(2):
        for number in range(30):
            key = f"fruit {code}/{number}.jpg"
            features = (rng.normal(size=16) + 4 * code).astype(np.float32)
            rows.append({"key": key, "bucket": images, "label": f"fruit {code}", "features": features})
            if number:
                s3.put_object(Bucket=images, Key=key, Body=photograph(100 * code + number))
    table = table_of_width(16)
    table.add(rows)
    table.add([{"key": "fruit 1/broken.jpg", "bucket": images, "label": "fruit 1", "error": "not an image: text"}])
    return table


def thumbnails_in(page):
    return re.findall(r"data:image/webp;base64,[A-Za-z0-9+/=]+", page)


def test_the_report_shows_images_of_the_bucket_and_the_refit_before(orchard, s3):
    # When the table is refitted twice
    assert orchard.refit("5") == 0
    first = orchard.result("report.html").decode()
    orchard.add([{"key": f"new {uuid.uuid4()}/1.jpg", "label": "fruit 1", "features": np.ones(16, np.float32)}])
    assert orchard.refit("5") == 0
    second = orchard.result("report.html").decode()
    # Then the report has a picture of each image but the missing ones, and says what failed
    assert 50 <= len(set(thumbnails_in(first))) <= 58
    assert "not an image" in first
    assert "There is no earlier refit with this network" in first
    # And the second knows the first
    assert "61 images now, 60 then." in second
    history = second.partition("Over the refits")[2].partition("</table>")[0]
    assert history.count("<tr>") >= 3
    assert json.loads(orchard.result("model.json"))["errors"] == 1


def test_an_erasure_removes_the_thumbnails_with_all_results(orchard, s3):
    # Given a report with thumbnails
    assert orchard.refit("5") == 0
    assert thumbnails_in(orchard.result("report.html").decode())
    # Then no object of the lake but a report has one
    listed = s3.list_objects_v2(Bucket=orchard.lake)["Contents"]
    holding = {one["Key"] for one in listed if b"data:image/webp" in orchard.read(one["Key"])}
    assert {key.rpartition("/")[2] for key in holding} == {"report.html"}
    assert all(key.startswith(RESULTS) for key in holding)
    # And what an erasure removes is all of it
    remove_folder(orchard.lake, RESULTS)
    assert "Contents" not in s3.list_objects_v2(Bucket=orchard.lake, Prefix=RESULTS)


def test_a_refit_whose_images_are_out_of_reach_succeeds_without_thumbnails(orchard, s3, images):
    listed = s3.list_objects_v2(Bucket=images)["Contents"]
    for one in listed:
        s3.delete_object(Bucket=images, Key=one["Key"])
    s3.delete_bucket(Bucket=images)
    assert orchard.refit("5") == 0
    assert not thumbnails_in(orchard.result("report.html").decode())

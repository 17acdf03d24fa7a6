"""Hostile keys through both jobs: they are rows, labels, cells and text, and nothing else happens."""

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest

from pomona.pca.component_choice import ComponentCount
from pomona.refit.arguments import RefitArguments
from pomona.refit.run import refit as run_refit
from pomona.table.schema import label_of
from tests import hostile
from tests.integration.test_featurize_job import Orchard, images_of, jpeg, orchard  # noqa: F401 - the fixture too

# moto's own addresses know no line break in a key; S3's do, and the unit tests have it
KEYS = tuple(key for key in hostile.KEYS if "\n" not in key)


class Page(HTMLParser):
    """What a browser would find: tags with their attributes, and the text between them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_data(self, content):
        self.text += content


@pytest.fixture
def featurized(orchard: Orchard) -> Orchard:  # noqa: F811
    for seed, key in enumerate(KEYS):
        orchard.put(key, b"no image" if key == KEYS[0] else jpeg(seed))
    orchard.put("usual/1.jpg", jpeg(99))
    record = orchard.featurize([*KEYS, "usual/1.jpg"])
    assert images_of(record) == {"done": len(KEYS), "errors": 1}
    return orchard


def test_hostile_keys_are_rows_and_cells_and_text(featurized: Orchard):
    # Given a table of hostile keys, one of them of an object that is no image
    rows = featurized.rows()
    assert {key: row["label"] for key, row in rows.items()} == {key: label_of(key) for key in (*KEYS, "usual/1.jpg")}
    # When an image changes and one goes, each by a key that is an attack
    featurized.put(KEYS[1], jpeg(1000))
    featurized.delete(KEYS[2])
    assert images_of(featurized.featurize([KEYS[1], KEYS[2]])) == {"done": 1, "deleted": 1}
    # Then those two rows changed, and no other
    after = featurized.rows()
    assert set(rows) - set(after) == {KEYS[2]}
    assert [key for key in after if after[key]["etag"] != rows[key]["etag"]] == [KEYS[1]]
    # And a refit shows them all, as data
    summary = refit(featurized)
    check_csv(read(featurized, summary, "projections.csv"), set(after) - {KEYS[0]})
    check_page(read(featurized, summary, "report.html"), set(after))
    assert not [path for path in (Path.cwd(), Path("/tmp")) if (path / "pomona-owned").exists()]


def refit(orchard: Orchard) -> dict:  # noqa: F811
    run = orchard.run
    components, backbones = ComponentCount(3), run.backbones
    arguments = RefitArguments(run.lake_bucket, run.database, "features", "fruitnet", components, backbones=backbones)
    return run_refit(arguments, lambda: orchard.spark)


def read(orchard: Orchard, summary: dict, name: str) -> str:  # noqa: F811
    found = orchard.s3.get_object(Bucket=orchard.run.lake_bucket, Key=summary["prefix"] + name)
    return found["Body"].read().decode()


def check_csv(text: str, keys: set[str]) -> None:
    rows = list(csv.DictReader(io.StringIO(text)))
    assert {row["key"] for row in rows} == keys
    assert {row["key"]: row["label"] or None for row in rows} == {key: label_of(key) or None for key in keys}
    assert all(len(row) == 9 and None not in row for row in rows)


def check_page(page: str, keys: set[str]) -> None:
    found = Page(page)
    assert found.tags.count("script") == 2  # the data and the code of the page itself
    # pictures are in the page itself: the scree plot, and thumbnails of the images
    assert all(value.startswith("data:image/") for name, value in found.attributes if name in ("src", "srcset"))
    assert found.tags.count("img") > 1
    assert not {"iframe", "object", "link", "base"} & set(found.tags)
    assert not [name for name, _ in found.attributes if name.startswith("on")]
    assert KEYS[0] in found.text  # among the images that could not be read
    data = json.loads(re.search(r'id="data">(.*?)</script>', page, re.DOTALL).group(1))
    assert set(data["keys"]) == keys - {KEYS[0]}

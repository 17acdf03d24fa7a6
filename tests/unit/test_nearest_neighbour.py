"""The 1-NN measure of a backbone: right on features whose neighbours are known, and printed by its command."""

import io
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np

from nearest_neighbour import nearest

REPOSITORY = Path(__file__).parents[2]
FRUITS = ("apple", "banana", "kiwi")


def archive(path: Path, numbers: range) -> Path:
    """Write a tar of the samples with these numbers, laid out like Fruits-360, in no order."""
    with tarfile.open(path, "w") as tar:
        for fruit in reversed(FRUITS):
            for number in numbers:
                content = (REPOSITORY / f"samples/images/{fruit}/{fruit}-{number:02}.jpg").read_bytes()
                member = tarfile.TarInfo(f"fruits-360/Split/{fruit.title()}/{number}_100.jpg")
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
    return path


def test_the_nearest_neighbour_has_the_largest_cosine() -> None:
    # Given rows of length 1, more of them than are compared at once
    rng = np.random.default_rng(5)
    rows = rng.normal(size=(2_500, 8))
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    queries, references = rows[:2_100], rows[2_100:]
    # Then the nearest of each is the one that looking at it alone finds
    alone = [int(np.argmax([query @ reference for reference in references])) for query in queries[::100]]
    assert nearest(queries, references)[::100].tolist() == alone


def test_the_command_prints_how_often_the_neighbour_has_the_class(tmp_path: Path) -> None:
    # Given archives of three plainly different fruits
    training, test = archive(tmp_path / "a training.tar", range(8)), archive(tmp_path / "a test.tar", range(8, 12))
    # When the committed backbone is measured on them
    command = [sys.executable, REPOSITORY / "backbones" / "nearest_neighbour.py", training, test]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    # Then every neighbour is of the right class
    last = result.stdout.splitlines()[-1]
    assert last == ("1-NN accuracy 1.0000 (fruitnet.tflite, cosine, 24 references, 12 test images, 3 classes)")


def test_a_file_that_is_no_archive_is_refused_in_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "list.tar").write_text("apples")
    command = [sys.executable, REPOSITORY / "backbones" / "nearest_neighbour.py", tmp_path / "list.tar", "missing.tar"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert result.returncode == 2
    assert result.stderr.splitlines()[-1].endswith("list.tar is not a tar archive")

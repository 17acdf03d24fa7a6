"""The sample images: few bytes, known troublemakers, and drawn again just as they are committed."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageOps

SAMPLES = Path(__file__).parents[2] / "samples"
IMAGES = SAMPLES / "images"
LEVELS = 2  # of 255: another processor may round a drawn pixel the other way


def files_of(folder: Path) -> dict[str, Path]:
    return {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*")) if path.is_file()}


def is_readable(path: Path) -> bool:
    try:
        with Image.open(path) as image:
            image.load()
    except OSError:
        return False
    return True


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image).astype(np.int32)


@pytest.fixture(scope="module")
def drawn_again(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drawn again")
    subprocess.run([sys.executable, SAMPLES / "make_samples.py", "--output", folder], check=True, capture_output=True)
    return folder


def test_drawing_again_gives_the_same_files(drawn_again: Path) -> None:
    assert list(files_of(drawn_again)) == list(files_of(IMAGES))


def test_drawing_again_gives_the_same_contents(drawn_again: Path) -> None:
    for name, committed in files_of(IMAGES).items():
        again = drawn_again / name
        if committed.read_bytes() != again.read_bytes():
            scale = 257 if name.endswith("16 bits.png") else 1
            assert np.abs(pixels(committed) - pixels(again)).max() <= LEVELS * scale, name


def test_101_of_106_files_are_images_and_the_others_lie_in_the_folder_of_broken_ones() -> None:
    readable = {name: is_readable(path) for name, path in files_of(IMAGES).items()}
    assert len(readable) == 106
    assert {name for name, good in readable.items() if not good} == {name for name in readable if "broken/" in name}
    assert sum(readable.values()) == 101


def test_the_samples_take_less_than_500_kilobytes() -> None:
    assert sum(path.stat().st_size for path in files_of(IMAGES).values()) < 500_000


def test_every_unusual_file_is_in_the_readme() -> None:
    readme = (SAMPLES / "README.md").read_text(encoding="utf-8")
    unusual = [name for name in files_of(IMAGES) if not name.startswith(f"{Path(name).parent}/{Path(name).parent}-")]
    assert len(unusual) == 10
    assert [name for name in unusual if f"`{name}`" not in readme] == []


@pytest.mark.parametrize(
    ("name", "mode", "shown"),
    [
        ("apple/printed (CMYK).jpg", "CMYK", (100, 100)),
        ("plum/16 bits.png", "I;16", (100, 100)),
        ("banana/turned by EXIF.jpg", "RGB", (80, 100)),
    ],
)
def test_an_unusual_image_is_what_its_name_says(name: str, mode: str, shown: tuple[int, int]) -> None:
    with Image.open(IMAGES / name) as image:
        assert image.mode == mode
        assert ImageOps.exif_transpose(image).size == shown


def test_the_turned_image_is_stored_lying() -> None:
    with Image.open(IMAGES / "banana/turned by EXIF.jpg") as image:
        assert image.size == (100, 80)

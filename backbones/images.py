"""Images for training, checking and measuring: decoded and resized like the featurize job does."""

import argparse
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image


@dataclass(frozen=True)
class Labelled:
    """The files of an archive in the order of their names, with the class that each one's folder says."""

    contents: tuple[bytes, ...]
    labels: np.ndarray  # int32 [n], indices into `classes`
    classes: tuple[str, ...]  # sorted

    def __len__(self) -> int:
        return len(self.contents)

    def pixels(self, side: int) -> np.ndarray:
        """Decode all: uint8 [n, side, side, 3] RGB."""
        return np.stack([load_rgb(content, side) for content in self.contents])


def archive_path(text: str) -> Path:
    """Take a command's argument as the path of a tar; ArgumentTypeError if it is none."""
    path = Path(text)
    if not (path.is_file() and tarfile.is_tarfile(path)):
        raise argparse.ArgumentTypeError(f"{text} is not a tar archive")
    return path


def read_archive(path: Path) -> Labelled:
    """Read every `.jpg` of the tar at `path`."""
    found = sorted(_members(path))
    names = [PurePosixPath(name).parent.name for name, _ in found]
    classes = tuple(sorted(set(names)))
    index = {name: number for number, name in enumerate(classes)}
    labels = np.array([index[name] for name in names], dtype=np.int32)
    return Labelled(tuple(content for _, content in found), labels, classes)


def _members(path: Path) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(path) as archive:
        for member in archive:
            content = archive.extractfile(member) if member.name.endswith(".jpg") else None
            if content is not None:
                yield member.name, content.read()


def load_rgb(content: bytes, side: int) -> np.ndarray:
    """Decode an image file to uint8 [side, side, 3] RGB, resized with Pillow's bicubic filter."""
    with Image.open(io.BytesIO(content)) as image:
        return np.asarray(image.convert("RGB").resize((side, side), Image.Resampling.BICUBIC))


def read_folder(folder: Path, side: int, at_most: int) -> np.ndarray:
    """Read up to `at_most` images, spread evenly over all below `folder`; files that are no images are passed over."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    found = [image for path in files if (image := _load_if_image(path, side)) is not None]
    chosen = found[:: max(1, len(found) // at_most)][:at_most]
    return np.stack(chosen) if chosen else np.empty((0, side, side, 3), np.uint8)


def _load_if_image(path: Path, side: int) -> np.ndarray | None:
    try:
        return load_rgb(path.read_bytes(), side)
    except (OSError, SyntaxError, ValueError):  # what Pillow raises for a file that it cannot read
        return None

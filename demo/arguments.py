"""The demo's command line."""

import argparse
from pathlib import Path


def parse_arguments(words: list[str]) -> argparse.Namespace:
    """Parse the command line; exit with a usage message if it is wrong."""
    parser = argparse.ArgumentParser(
        prog="make demo", description="Deploy template.yaml into an embedded AWS, and run the main job on a folder."
    )
    parser.add_argument("--images", type=_folder, required=True, help="folder of images, any depth, any names")
    parser.add_argument("--backbone", required=True)
    parser.add_argument("--components", required=True, help="a number, or a share of the variance")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--keep", action="store_true", help="leave the embedded AWS up")
    return parser.parse_args(words)


def _folder(text: str) -> Path:
    if not text or not Path(text).is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is not a folder: IMAGES names one that holds your images")
    return Path(text)

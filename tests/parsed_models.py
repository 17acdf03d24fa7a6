"""botocore's models, each file parsed once in a process: most tests make sessions of their own."""

import pickle
from functools import cache
from typing import Any

from botocore.loaders import JSONFileLoader, Loader


@cache
def _parsed(path: str) -> Any:
    return JSONFileLoader().load_file(path)


@cache
def _pickled(path: str) -> bytes:
    return pickle.dumps(_parsed(path))


class _ModelFiles(JSONFileLoader):
    def load_file(self, file_path: str) -> Any:
        # A call of S3 takes the bucket out of the paths in its model: each session gets that model anew.
        is_changed = file_path.endswith("service-2") and "/s3/" in file_path
        return pickle.loads(_pickled(file_path)) if is_changed else _parsed(file_path)


def share_parsed_models() -> None:
    """Let all sessions of this process read the same parsed files."""
    Loader.FILE_LOADER_CLASS = _ModelFiles

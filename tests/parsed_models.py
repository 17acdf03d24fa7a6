"""botocore's models, found and parsed once in a process: most tests make sessions of their own."""

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


_services: dict[tuple[str, ...], list[str]] = {}
_find_services = Loader.list_available_services


def _list_available_services(loader: Loader, type_name: str) -> list[str]:
    key = (type_name, *loader.search_paths)
    if key not in _services:  # looks into 400 folders
        _services[key] = _find_services(loader, type_name)
    return list(_services[key])


def share_parsed_models() -> None:
    """Let all sessions of this process read the same parsed files, and list the same services."""
    Loader.FILE_LOADER_CLASS = _ModelFiles
    Loader.list_available_services = _list_available_services

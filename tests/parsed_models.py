"""botocore's models, each file parsed once in a process: most tests make sessions of their own."""

from functools import cache

from botocore.loaders import JSONFileLoader, Loader


class _ModelFiles(JSONFileLoader):
    load_file = staticmethod(cache(JSONFileLoader().load_file))


def share_parsed_models() -> None:
    """Let all sessions of this process read the same parsed files."""
    Loader.FILE_LOADER_CLASS = _ModelFiles

"""Imports that take long, by one thread at a time.

cfn-lint's modules import each other. A thread that imports one of them while another thread does may see a module that
is not complete.
"""

import importlib
import threading
from typing import Any

_lock = threading.RLock()


def import_slowly(name: str) -> Any:
    """Return a module; wait for another thread that imports one."""
    with _lock:
        return importlib.import_module(name)

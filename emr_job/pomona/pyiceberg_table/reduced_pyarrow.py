"""Lets pyiceberg import its part for PyArrow where PyArrow's own client of S3 is left out of a function's package.

That client is 17 MB, and nothing here uses it: objects are read with boto3 and obstore. pyiceberg imports one class of
it, which it needs only to make such a client.
"""

import importlib.util
import sys
from types import ModuleType

_CLIENT = "pyarrow._s3fs"

if importlib.util.find_spec(_CLIENT) is None:
    _placeholder = ModuleType(_CLIENT)
    _placeholder.S3RetryStrategy = object  # type: ignore[attr-defined]
    sys.modules[_CLIENT] = _placeholder

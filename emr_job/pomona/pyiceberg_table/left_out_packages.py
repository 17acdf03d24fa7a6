"""Lets pyiceberg be imported where packages that nothing here uses are left out of a function's package.

PyArrow's own client of S3 has 17 MB: objects are read with boto3 and obstore. pyroaring has 8 MB: it reads deletion
vectors, which a table of Iceberg's format version 2 cannot have. pyiceberg imports the names below when it is imported,
and needs them only to make such a client, or to read such a vector.
"""

import importlib.util
import sys
from types import ModuleType

NAMES = {"pyarrow._s3fs": ("S3RetryStrategy",), "pyroaring": ("BitMap", "FrozenBitMap")}
"""Modules that may be left out, and what pyiceberg imports of them."""

for _module, _names in NAMES.items():
    if importlib.util.find_spec(_module) is None:
        _placeholder = ModuleType(_module)
        for _name in _names:
            setattr(_placeholder, _name, type(_name, (), {}))
        sys.modules[_module] = _placeholder

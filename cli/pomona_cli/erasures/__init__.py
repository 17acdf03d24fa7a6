"""Erasures: the request in the lake, what is erased, the files that name keys, and the deletion itself."""

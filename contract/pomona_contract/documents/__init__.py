"""The documents that outlive a process: their fields and the versions of their formats, one module for each."""

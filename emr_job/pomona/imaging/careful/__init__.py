"""Careful mode: each image is preprocessed in a child process with limits of memory and time."""

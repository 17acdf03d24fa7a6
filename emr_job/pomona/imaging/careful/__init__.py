"""Careful mode: each image is decoded in a child process with limits of memory and time."""

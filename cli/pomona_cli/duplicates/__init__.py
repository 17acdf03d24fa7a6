"""Copies among the images of the table: which belong together, and which one of them to keep."""

"""Keys in the lake bucket that more than one room of this package uses."""

RESULTS = "results/"

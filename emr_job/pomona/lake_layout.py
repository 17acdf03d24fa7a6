"""Where things that more than one room of this package touches lie in the lake bucket."""

RESULTS = "results/"

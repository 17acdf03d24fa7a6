"""The function that is the express lane: it featurizes a batch of a few new images."""

"""One command that measures Pomona beside the field's practice, on the same cores and the same images."""

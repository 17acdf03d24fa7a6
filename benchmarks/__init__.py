"""One command that measures Pomona beside the Spark + Keras baseline, on the same cores and the same images."""

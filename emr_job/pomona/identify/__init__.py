"""Which fruit is this? An image's class with its probability, and the images that are most like it: no Spark."""

"""From the bytes of an image file to the pixels that a backbone takes: no AWS, no Spark."""

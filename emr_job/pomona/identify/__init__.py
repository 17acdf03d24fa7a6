"""Identify an image: its class with a probability, and the most similar images. Needs no Spark."""

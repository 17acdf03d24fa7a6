"""The function that says what an image shows, by the newest results in the lake: by invocation, and by its URL."""

"""Objects of the images bucket: listing them in parallel, and deleting their versions."""

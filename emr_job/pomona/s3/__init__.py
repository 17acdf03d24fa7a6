"""Objects on S3: documents, images, streamed reads and writes."""

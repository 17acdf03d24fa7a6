"""S3: objects, bucket settings and version listings that outlive the process."""

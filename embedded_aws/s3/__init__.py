"""S3: moto's, with objects and bucket settings that survive a restart, and S3's own version listing."""

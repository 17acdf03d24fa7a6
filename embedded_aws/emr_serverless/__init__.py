"""EMR Serverless: applications, runs as real spark-submits, and the service's own capacity rules."""

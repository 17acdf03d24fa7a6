"""EMR Serverless: applications, job runs as real spark-submits, and the service's capacity rules."""

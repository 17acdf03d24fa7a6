"""The embedded AWS: one process that serves the APIs Pomona needs and deploys its unchanged template."""

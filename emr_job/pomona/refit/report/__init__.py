"""The report of a refit: the page report.html with its tables, and the pictures scree.png and components.png."""

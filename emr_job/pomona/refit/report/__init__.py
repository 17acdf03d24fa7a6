"""report.html: its page, tables and pictures."""

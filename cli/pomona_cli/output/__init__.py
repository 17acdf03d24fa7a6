"""What `pomona` writes: text that is safe for a terminal, tables, JSON, CSV cells, progress, questions and files."""

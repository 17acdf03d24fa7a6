"""The Glue catalog, with its optimistic lock."""

"""The refit job: two passes over one snapshot of the table, and the results made from them."""

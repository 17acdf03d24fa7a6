"""IAM: which actions a request needs, and whether the policies allow them."""

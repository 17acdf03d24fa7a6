"""IAM: which actions a request needs, and whether the policies allow them. The server's entry is `enforcement.Gate`."""

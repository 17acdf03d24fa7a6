"""`pomona`: the command line for a deployed stack."""

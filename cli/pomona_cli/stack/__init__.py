"""The deployed stack: where it is looked for, its outputs and clients, and what its AWS errors mean."""

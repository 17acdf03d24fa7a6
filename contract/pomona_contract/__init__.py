"""What the functions, the jobs, the command line and the tools agree on; the standard library is all it needs.

`lake_layout` says where each object lies in the lake bucket, `documents` what each document holds, and `versions` how
documents carry the version of their format.
"""

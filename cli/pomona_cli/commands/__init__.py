"""The commands of `pomona`, a module each. They import the rooms when they run, so that `--help` needs no boto3."""

"""Runs of the jobs: their history with cost, how it is shown, and their logs."""

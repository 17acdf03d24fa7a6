"""Runs on EMR Serverless: their parameters, their states, their metrics and their cost."""

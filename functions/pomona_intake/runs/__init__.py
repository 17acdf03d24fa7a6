"""Runs on EMR Serverless: their parameters, states, metrics and bills."""

"""Validation of requests by AWS's published service models."""

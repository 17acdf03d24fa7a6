"""Requests against AWS's published service models."""

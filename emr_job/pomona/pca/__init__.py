"""Standardisation and principal component analysis from co-moments. Needs NumPy alone."""

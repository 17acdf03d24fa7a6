"""Standardising and principal component analysis from co-moments: NumPy alone."""

"""Which class is an image of? Linear discriminant analysis from co-moments, and its evaluation: NumPy alone."""

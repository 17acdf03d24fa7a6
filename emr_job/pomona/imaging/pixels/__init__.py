"""What pixels mean: every mode, bit depth, transparency and colour profile becomes 8-bit sRGB."""

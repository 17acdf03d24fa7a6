"""Image files become the pixels that a backbone takes. Knows neither AWS nor Spark."""

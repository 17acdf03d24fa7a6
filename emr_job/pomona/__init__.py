"""The jobs: images become rows of features, rows become a PCA."""

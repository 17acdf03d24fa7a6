"""The featurize job: a batch of dirty keys becomes rows of features, on Spark."""

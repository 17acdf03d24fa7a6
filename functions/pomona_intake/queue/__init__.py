"""The queue of dirty keys: the batch in flight, failed batches, and when a batch is launched."""

"""The queue of dirty keys: segments, the batch in flight, failed batches, and when a batch is launched."""

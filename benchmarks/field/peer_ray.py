"""A peer: Ray Data on one machine. Actors fetch a batch with threads, run the network, and Ray writes Parquet."""

import os
import shutil
import tempfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import obstore
import pyarrow as pa
import ray
import ray.data
from pyarrow.fs import S3FileSystem

from benchmarks.field.peer import Featurizer, Task, store, task, told


class Network:
    """An actor with the network."""

    def __init__(self, one: Task) -> None:
        self._images, self._pool, self._width = (
            store(one.bucket),
            ThreadPoolExecutor(one.fetches),
            one.network.output_width,
        )
        self._featurizer = Featurizer(one.network)

    def __call__(self, batch: pa.Table) -> pa.Table:
        """Keys in, keys and features out."""
        keys = batch["key"].to_pylist()
        bodies = self._pool.map(lambda key: obstore.get(self._images, key).bytes().to_bytes(), keys)
        rows = np.stack([self._featurizer.features(body) for body in bodies])
        features = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), self._width)
        return pa.table({"key": keys, "features": features})


def main() -> None:
    """From S3 to S3."""
    one = task()
    # the system's own temporary folder: a socket's path may have 107 bytes
    folder = tempfile.mkdtemp(prefix="peer-ray-")
    try:
        # a CPU is a number to Ray: one for each actor, and one for the tasks that write, without which nothing moves
        ray.init(num_cpus=one.workers + 1, include_dashboard=False, log_to_driver=False, _temp_dir=folder)
        ray.data.DataContext.get_current().enable_progress_bars = False
        blocks = [one.keys[n : n + one.batch] for n in range(0, len(one.keys), one.batch)]
        keys = ray.data.from_arrow([pa.table({"key": block}) for block in blocks])
        rows = keys.map_batches(
            Network,
            fn_constructor_args=(one,),
            batch_size=one.batch,
            batch_format="pyarrow",
            compute=ray.data.ActorPoolStrategy(size=one.workers),
            num_cpus=1,
        )
        server = os.environ["AWS_ENDPOINT_URL"].removeprefix("http://")
        rows.write_parquet(one.output, filesystem=S3FileSystem(endpoint_override=server, scheme="http"))
        ray.shutdown()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    told(len(one.keys), "ray")


if __name__ == "__main__":
    main()

"""A peer: no framework. One process a core takes its share of the keys, and writes a Parquet file.

A share is fetched by threads, which run ahead of the network without a limit: they are never waited for.
"""

import io
import multiprocessing
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import obstore
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.field.peer import Featurizer, Task, store, task, told


def featurize(one: Task, share: int) -> None:
    """Every `workers`-th key, from S3 to S3."""
    keys = one.keys[share :: one.workers]
    images, network = store(one.bucket), one.network
    featurizer = Featurizer(network)
    rows = np.empty((len(keys), network.output_width), np.float32)
    with ThreadPoolExecutor(one.fetches) as pool:
        for number, body in enumerate(pool.map(lambda key: obstore.get(images, key).bytes().to_bytes(), keys)):
            rows[number] = featurizer.features(body)
    features = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), network.output_width)
    file = io.BytesIO()
    pq.write_table(pa.table({"key": keys, "features": features}), file)
    bucket, _, folder = one.output.partition("/")
    obstore.put(store(bucket), f"{folder}/{share}.parquet", file.getvalue())


def main() -> None:
    """Fork the workers: what is imported above is imported once. The first share is this process's own."""
    one = task()
    fork = multiprocessing.get_context("fork")
    others = [fork.Process(target=featurize, args=(one, share)) for share in range(1, one.workers)]
    for other in others:
        other.start()
    featurize(one, 0)
    for other in others:
        other.join()
        if other.exitcode:
            raise SystemExit(f"a worker ended with {other.exitcode}")
    told(len(one.keys))


if __name__ == "__main__":
    main()

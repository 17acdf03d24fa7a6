"""What no refit can do without: reading the features once, and two products of matrices in float64.

refit_limit.py K FILE…   (data files on S3)   prints seconds of the reading, of the co-moments and of the projection
"""

import io
import json
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from pomona.s3.objects import bucket_and_key, read_bytes

READERS = 2


def read(address: str) -> npt.NDArray[np.float32]:
    """The features of a file [n, d]."""
    column = pq.read_table(io.BytesIO(read_bytes(*bucket_and_key(address)) or b""), columns=["features"])["features"]
    flat = column.combine_chunks().flatten().to_numpy(zero_copy_only=False)
    matrix: npt.NDArray[np.float32] = flat.reshape(len(column), -1)
    return matrix


def main() -> None:
    """Each step by itself, with BLAS on as many threads as its environment says."""
    k, addresses = int(sys.argv[1]), sys.argv[2:]
    laps = [time.perf_counter()]
    with ThreadPoolExecutor(READERS) as pool:
        blocks = list(pool.map(read, addresses))
    laps.append(time.perf_counter())
    width = blocks[0].shape[1]
    scatter = np.zeros((width, width))
    for block in blocks:
        rows = block.astype(np.float64)
        scatter += rows.T @ rows
    laps.append(time.perf_counter())
    components = np.ascontiguousarray(scatter[:, :k])
    for block in blocks:
        block.astype(np.float64) @ components
    laps.append(time.perf_counter())
    parts = dict(zip(("read", "co_moments", "projection"), np.diff(laps).tolist(), strict=True))
    print(json.dumps(parts | {"seconds": laps[-1] - laps[0], "rows": sum(map(len, blocks))}))


if __name__ == "__main__":
    main()

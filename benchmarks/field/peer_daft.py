"""A peer: Daft on one machine, with its own download and its own Parquet writer, and the network in a class.

The workers are processes, or threads of one process with an interpreter each.
"""

import os
import threading
from typing import Any

import daft
from daft.io import IOConfig, S3Config

from benchmarks.field.peer import Featurizer, Task, task, told


def network_of(one: Task) -> Any:  # noqa: ANN401 (Daft's class of classes)
    """The network as Daft calls it: a batch of image files in, a batch of features out."""
    width = one.network.output_width

    class Network:
        def __init__(self) -> None:
            self._threads = threading.local()

        @daft.method.batch(return_dtype=daft.DataType.embedding(daft.DataType.float32(), width))  # type: ignore[untyped-decorator]
        def features(self, bodies: daft.Series) -> list[Any]:
            if not hasattr(self._threads, "featurizer"):
                self._threads.featurizer = Featurizer(one.network)
            return [self._threads.featurizer.features(body) for body in bodies.to_pylist()]

    return daft.cls(Network, max_concurrency=one.workers, use_process=not one.threads)


def main() -> None:
    """From S3 to S3."""
    one = task()
    # the order of the rows may be any: ours is, too
    daft.set_execution_config(maintain_order=False)
    server = S3Config(
        endpoint_url=os.environ["AWS_ENDPOINT_URL"],
        key_id=os.environ["AWS_ACCESS_KEY_ID"],
        access_key=os.environ["AWS_SECRET_ACCESS_KEY"],
        region_name=os.environ["AWS_REGION"],
        use_ssl=False,
        max_connections=one.fetches,
    )
    s3 = IOConfig(s3=server)
    keys = {"key": one.keys, "address": [f"s3://{one.bucket}/{key}" for key in one.keys]}
    images = daft.from_pydict(keys).into_batches(one.batch)
    images = images.with_column("body", images["address"].download(max_connections=one.fetches, io_config=s3))
    rows = images.select("key", network_of(one)().features(images["body"]).alias("features"))
    rows.write_parquet(f"s3://{one.output}", io_config=s3)
    told(len(one.keys), "daft")


if __name__ == "__main__":
    main()

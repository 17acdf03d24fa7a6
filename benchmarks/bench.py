"""What every measurement gets: the options, the cloud and the platform, started when the first one needs them."""

import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from benchmarks.cloud import Cloud, cloud
from benchmarks.deployment import Deployment
from benchmarks.machine import cores
from benchmarks.networks import Network, network
from benchmarks.pictures import Pictures
from benchmarks.places import BUILD
from benchmarks.results import Samples
from benchmarks.spark import Platform

SERVERS = {"s3", "aws", "spark", "versitygw.log"}


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    quick: bool
    pictures: Pictures
    backbone: str
    weights: Path | None


class Bench:
    """One run of the benchmarks."""

    def __init__(self, options: Options, folder: Path, stack: ExitStack) -> None:
        self.options = options
        self.folder = folder
        self._stack = stack

    def size(self, full: int, quick: int) -> int:
        """How many: fewer in the quick run."""
        return quick if self.options.quick else full

    @cached_property
    def cloud(self) -> Cloud:
        """The servers."""
        return self._stack.enter_context(cloud(self.folder))

    @cached_property
    def network(self) -> Network:
        """The network that both sides run."""
        return network(self.options.backbone, self.options.weights)

    @cached_property
    def platform(self) -> Platform:
        """Where jobs run."""
        made = Platform(self.cloud, self.folder / "spark", cores())
        made.install(self.network.folder)
        return made

    def deployment(self, images: str, backbone: str = "") -> Deployment:
        """A new, empty table for the images of a bucket."""
        return Deployment.make(self.platform, images, backbone or self.options.backbone)

    def small_images(self, count: int) -> tuple[str, list[str]]:
        """A bucket with that many small images, and their keys."""
        bucket = self.cloud.bucket("images")
        self.cloud.upload(bucket, self.options.pictures.objects(count))
        return bucket, self.cloud.keys(bucket)

    def folder_of_images(self, count: int) -> Path:
        """The same images on the local disk."""
        folder = self.folder / f"images-{count}"
        for key, body in () if folder.exists() else self.options.pictures.objects(count):
            (folder / key).parent.mkdir(parents=True, exist_ok=True)
            (folder / key).write_bytes(body)
        return folder

    def clear(self) -> None:
        """Remove what a group of rows left: the buckets' contents and its own files. The servers stay."""
        for bucket in (self.folder / "s3").glob("*-*"):
            shutil.rmtree(bucket)
        for path in self.folder.iterdir():
            if path.name not in SERVERS:
                shutil.rmtree(path) if path.is_dir() else path.unlink()

    def say(self, text: str) -> None:
        """Show what is going on."""
        print(f"    {text}", flush=True)


@contextmanager
def bench(options: Options) -> Iterator[Bench]:
    """Everything that was started ends with the block, and its files go."""
    BUILD.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix="run-", dir=BUILD))
    try:
        with ExitStack() as stack:
            yield Bench(options, folder, stack)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def interleaved(repeats: int, measures: Mapping[str, Callable[[], float]]) -> dict[str, Samples]:
    """Each of the measures in turn, `repeats` times over: what disturbs the machine disturbs all of them."""
    taken: dict[str, list[float]] = {name: [] for name in measures}
    for _ in range(repeats):
        for name, measure in measures.items():
            taken[name].append(measure())
    return {name: Samples(values) for name, values in taken.items()}

"""What a user would pick instead of Pomona: Daft, Ray Data, and no framework at all, each with its best setting."""

import io
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import obstore
import pyarrow as pa
import pyarrow.parquet as pq

from benchmarks.bench import Bench
from benchmarks.machine import cores
from benchmarks.places import PEERS_PYTHON, ROOT
from benchmarks.processes import Finished, run

DAFT = "Daft"
Setting = dict[str, Any]
Keys = Sequence[str]

BASE: Setting = {"batch": 64, "fetches": 16, "threads": False}


@dataclass(frozen=True)
class Framework:
    """A peer's script, and what a search varies of its setting, one after the other."""

    name: str
    script: str
    varied: tuple[Setting, ...]


FRAMEWORKS = (
    Framework(
        DAFT,
        "peer_daft.py",
        (
            {"threads": True},
            {"workers": 1},
            {"batch": 4},
            {"batch": 16},
            {"batch": 256},
            {"fetches": 4},
            {"fetches": 32},
        ),
    ),
    Framework(
        "Ray Data",
        "peer_ray.py",
        ({"workers": 1}, {"batch": 4}, {"batch": 16}, {"batch": 256}, {"fetches": 4}, {"fetches": 32}),
    ),
    Framework("no framework", "peer_plain.py", ({"workers": 1}, {"fetches": 4}, {"fetches": 32})),
)


@dataclass
class Peer:
    """A framework at work on a bucket."""

    bench: Bench
    framework: Framework
    bucket: str
    output: str = ""
    """Bucket and folder of what it wrote last."""
    ended: list[Finished] = field(default_factory=list)
    searched: dict[int, tuple[Setting, dict[str, float]]] = field(default_factory=dict)
    """The best setting, and what was tried, by the number of images."""

    def seconds(self, setting: Setting, keys: Keys) -> float:
        """Of the whole process, as a user starts it."""
        folder = self.bench.folder / "peer"
        folder.mkdir(exist_ok=True)
        self.output = f"{self.bench.cloud.bucket('peer')}/rows"
        network = self.bench.network
        what = {"bucket": self.bucket, "keys": list(keys), "output": self.output}
        network_of_both = {"backbone": network.name, "backbones": str(network.folder)}
        (folder / "task.json").write_text(json.dumps(what | network_of_both | setting))
        script = ROOT / "benchmarks" / "field" / self.framework.script
        self.ended.append(run([PEERS_PYTHON, script, folder / "task.json"], self._environment(), folder))
        return self.ended[-1].seconds

    def _environment(self) -> dict[str, str]:
        paths = os.pathsep.join(str(path) for path in (ROOT, ROOT / "contract", ROOT / "emr_job"))
        quiet = {"RAY_USAGE_STATS_ENABLED": "0", "DAFT_ANALYTICS_ENABLED": "0", "DO_NOT_TRACK": "true"}
        own = {"PATH": os.environ["PATH"], "HOME": str(self.bench.folder), "PYTHONPATH": paths, "OMP_NUM_THREADS": "1"}
        return own | quiet | self.bench.cloud.environment()

    @property
    def version(self) -> str:
        """Of the framework, as its last process told it."""
        return str(self.ended[-1].told["version"])

    @property
    def peak_bytes(self) -> int:
        """Of all its processes together, the last time."""
        return self.ended[-1].peak_bytes

    def rows(self) -> pa.Table:
        """What it wrote last: columns key and features."""
        bucket, _, folder = self.output.partition("/")
        store = self.bench.cloud.store(bucket)
        files = [key for key in self.bench.cloud.keys(bucket, folder) if key.endswith(".parquet")]
        bodies = (obstore.get(store, key).bytes().to_bytes() for key in files)
        return pa.concat_tables(pq.read_table(io.BytesIO(body), columns=["key", "features"]) for body in bodies)

    def best_setting(self, keys: Keys) -> tuple[Setting, dict[str, float]]:
        """The fastest on so many keys, searched for once, and the seconds of all that was tried."""
        if len(keys) not in self.searched:
            self.searched[len(keys)] = self._search(keys)
        return self.searched[len(keys)]

    def _search(self, keys: Keys) -> tuple[Setting, dict[str, float]]:
        """One thing is varied after the other; of two runs the faster counts, as other load only makes one slower."""
        runs = self.bench.size(2, 1)

        def fastest(setting: Setting) -> float:
            return min(self.seconds(setting, keys) for _ in range(runs))

        best = BASE | {"workers": cores()}
        taken = fastest(best)
        tried = {told(best): round(taken, 2)}
        for one in () if self.bench.options.quick else self.framework.varied:
            seconds = fastest(best | one)
            tried[told(best | one)] = round(seconds, 2)
            if seconds < taken:
                best, taken = best | one, seconds
        self.bench.say(f"{self.framework.name} with {len(keys):,} images: {told(best)} ({taken:.1f} s)")
        return best, tried


def told(setting: Setting) -> str:
    """The setting in words."""
    kind = "thread" if setting["threads"] else "process"
    workers = f"{setting['workers']} {kind}{'' if setting['workers'] == 1 else 's' if setting['threads'] else 'es'}"
    return f"{workers}, batches of {setting['batch']}, {setting['fetches']} GETs at once"

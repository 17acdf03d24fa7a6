"""For every test: no proxy for the loopback address, the template's namespace of metrics, and who shares a process."""

import gc
import os
from typing import Any

import pytest

from embedded_aws.proxies import exempt_from_proxies

exempt_from_proxies("127.0.0.1")
os.environ.setdefault("POWERTOOLS_METRICS_NAMESPACE", "Pomona")  # read when the functions' telemetry is imported

# These look at one demo. In two processes it would run twice.
ONE_PROCESS = {"tests/e2e/test_demo.py": "the demo", "tests/e2e/test_permissions.py": "the demo"}


@pytest.hookimpl(optionalhook=True)  # nobody knows the hook with `-p no:xdist`
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Distribute the tests by file, as `--dist loadfile` does, and keep the files of ONE_PROCESS together."""
    from xdist.scheduler import LoadFileScheduling

    class ByFile(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file: str = super()._split_scope(nodeid)
            return ONE_PROCESS.get(file, file)

    return ByFile(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """Let collections of garbage be rare, and not look at the modules, which stay: they are most of what there is."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def pytest_unconfigure() -> None:
    """Let the end of the process find its garbage: some packages report what is left."""
    gc.unfreeze()

"""Put our class where moto makes a backend of its own."""

from typing import Any


def substitute_backend(backends: Any, ours: type) -> None:
    """Let a BackendDict create `ours`. moto finds a service's URLs by the name of the backend's module."""
    ours.__module__ = backends.backend.__module__
    backends.backend = ours


def substitute_response(urls: Any, ours: Any) -> None:
    """Let every URL of a service be answered by `ours`, a subclass of the service's response class."""
    for path in urls.url_paths:
        urls.url_paths[path] = ours.dispatch

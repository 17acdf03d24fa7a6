"""moto's WSGI application, which routes a request to the service that it is for."""

from typing import Any

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

__all__ = ["Dispatcher", "MotoRequestHandler", "create_dispatcher"]


class Dispatcher(DomainDispatcherApplication):  # type: ignore[misc]
    """Remembers the service of each host. moto's dispatcher lists a folder and tries many patterns for each request."""

    def __init__(self, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._services: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        """Return the name of the service that a host is of."""
        if host not in self._services:
            self._services[host] = super().get_backend_for_host(host)
        return self._services[host]


def create_dispatcher() -> Dispatcher:
    """Return an application of all services."""
    return Dispatcher(create_backend_app)

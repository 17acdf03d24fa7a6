"""moto's WSGI application, which routes a request to the service that it is for."""

import functools

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

__all__ = ["DomainDispatcherApplication", "MotoRequestHandler", "create_dispatcher"]


def create_dispatcher() -> DomainDispatcherApplication:
    """Return an application of all services.

    It remembers the service of each host: moto's lists a folder and tries many patterns for each request.
    """
    dispatcher = DomainDispatcherApplication(create_backend_app)
    dispatcher.get_backend_for_host = functools.cache(dispatcher.get_backend_for_host)
    return dispatcher

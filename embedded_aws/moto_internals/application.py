"""moto's WSGI application, which routes a request to the service that it is for."""

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app

__all__ = ["DomainDispatcherApplication", "MotoRequestHandler", "create_backend_app"]

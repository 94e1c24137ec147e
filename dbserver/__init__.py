"""The operations of the shared PostgreSQL and Redis server."""

__version__ = "0.1.0"

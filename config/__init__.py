"""The project: settings, URLs, servers and processes. Imports everything, is imported by nobody."""

from config.celery import app as celery_app

__all__ = ["celery_app"]

"""The WebSocket map of the site. Consumers look at origins, sessions and accounts themselves, through `access`."""

from __future__ import annotations

from typing import Any

from django.urls import path

from dashboard.consumers import LiveConsumer
from dashboard.viewers import live

_live: Any = live  # plain ASGI, which Django's types do not foresee in a map
websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi()), path("embed/live/", _live)]

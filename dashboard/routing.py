"""The WebSocket map of the site. Consumers look at origins, sessions and accounts themselves, through `access`."""

from __future__ import annotations

from django.urls import path

from dashboard.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]

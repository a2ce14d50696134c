"""The WebSocket map of the site. `config.asgi` wraps it in sessions, accounts and the check of hosts."""

from __future__ import annotations

from django.urls import path

from dashboard.consumers import LiveConsumer

websocket_urlpatterns = [path("ws/live/", LiveConsumer.as_asgi())]

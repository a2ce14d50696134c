"""HTTP and WebSocket entry."""

from __future__ import annotations

import os

from django.core.asgi import get_asgi_application

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
http = get_asgi_application()  # loads the apps, which the imports below need

from channels.routing import ProtocolTypeRouter, URLRouter  # noqa: E402
from django.urls import get_resolver  # noqa: E402

from config.logs import guard_access_log  # noqa: E402
from dashboard.garbage import put_aside  # noqa: E402
from dashboard.routing import websocket_urlpatterns  # noqa: E402

guard_access_log()
application = ProtocolTypeRouter({"http": http, "websocket": URLRouter(websocket_urlpatterns)})

get_resolver().url_patterns  # noqa: B018  every page is loaded now, not while somebody waits for the first one
put_aside()

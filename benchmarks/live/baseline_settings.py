"""The project's settings with a channel layer, for the baselines: in memory, or on the Redis of the benchmarks."""

import os
from typing import Any

from config.settings import *  # noqa: F403

_redis = os.environ.get("BENCHMARK_REDIS")
CHANNEL_LAYERS: dict[str, Any] = {"memory": {"BACKEND": "channels.layers.InMemoryChannelLayer"}}
if _redis:
    CHANNEL_LAYERS["redis"] = {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [_redis]}}

"""Live delivery to many sockets, measured: `python -m benchmarks.live`, and by `benchmarks.soak` for half an hour."""

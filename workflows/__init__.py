"""Durable execution. Knows no HTTP and no sockets; what developers import is `workflows.durable`."""

"""Workflows to start, watch and copy from: what the README shows, `make run` opens with, and the tests run."""

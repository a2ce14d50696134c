"""A large data set, and whether every page is still quick on it: `make big-data`, `make big-data-check`."""

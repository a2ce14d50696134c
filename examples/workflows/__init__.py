"""The definitions. Importing a module registers what it defines."""

from examples.workflows import checkout, flaky, inventory, time_zones

__all__ = ["checkout", "flaky", "inventory", "time_zones"]

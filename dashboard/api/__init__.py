"""The programming interface, /api/v1/: what the console shows and does, for programs.

One module per resource translates: authorise, one call into `operations` or a read, and a schema. `interface` puts them
together, `authentication` says who asks, `problems` says what went wrong. No rule of the engine or of `access` is here.
"""

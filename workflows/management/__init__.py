"""`manage.py workflow`: the engine at the shell. Translates arguments into one call, and answers into lines or JSON."""

"""What the data is in a person's words: durations, sentences, differences, bars. Pure functions of the JSON that
snapshots and the live connection carry, so that the page and the browser say the same; `static/js/lib/` holds their
twins, and `tests/presenter_cases.json` is replayed by both.
"""

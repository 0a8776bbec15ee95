"""How the tables came to be. Migrations are only ever added: a released one never changes.

A new one is written by hand beside the others, with the one before it as `down_revision`. A test
compares what all of them make with the tables in `storage.models`, and opens the oldest database.
"""

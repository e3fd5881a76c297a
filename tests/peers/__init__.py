"""Other servers on the load of ``tests.bench``: ``python -m tests.peers`` (README.md)."""

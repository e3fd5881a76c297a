"""The append-only, hash-chained log of each meeting: the source of truth for everything that happened in it."""

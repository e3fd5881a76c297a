"""Parsers that read what strangers send: seeded, mutated, bounded."""

"""Arithmetic on 16-bit sequence numbers and 32-bit timestamps that wrap (RFC 1982 order)."""

from __future__ import annotations


def newer(a: int, b: int) -> bool:
    """Whether 16-bit ``a`` comes after ``b``."""
    return a != b and (a - b) & 0xFFFF < 0x8000


def distance(a: int, b: int) -> int:
    """How far 16-bit ``a`` is ahead of ``b``; negative when it is behind."""
    delta = (a - b) & 0xFFFF
    return delta - 0x10000 if delta & 0x8000 else delta


def timestamp_distance(a: int, b: int) -> int:
    """How far 32-bit ``a`` is ahead of ``b``; negative when it is behind."""
    delta = (a - b) & 0xFFFFFFFF
    return delta - 0x100000000 if delta & 0x80000000 else delta

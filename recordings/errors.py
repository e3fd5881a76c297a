"""Errors of recordings and object stores. Only server/error_map.py translates them."""

from __future__ import annotations


class RecordingsError(Exception):
    """Base of this package's errors."""


class StoreError(RecordingsError):
    """Base of all errors of an object store."""


class ObjectMissingError(StoreError):
    """There is no object of this key."""


class ObjectExistsError(StoreError):
    """``put(if_absent=True)`` met an object of this key."""


class RangeError(StoreError):
    """The range begins behind the object's end."""


class BadKeyError(StoreError, ValueError):
    """The key is not a plain relative name."""


class StoreAwayError(StoreError):
    """The store does not answer or answers nonsense; worth another try."""


class StoreFullError(StoreError):
    """The store has no room for the object."""

"""What an object key may look like; both stores check before they touch anything."""

from __future__ import annotations

import re

from recordings.errors import BadKeyError

MAX_KEY_LENGTH = 512
_PART = re.compile(r"[A-Za-z0-9._=-]{1,128}", re.ASCII)


def check_key(key: str) -> str:
    """The key itself, or BadKeyError. No empty, ``.`` or ``..`` part: a key can never leave its store."""
    if not 0 < len(key) <= MAX_KEY_LENGTH:
        raise BadKeyError(f"a key has 1 to {MAX_KEY_LENGTH} characters")
    for part in key.split("/"):
        if part in (".", "..") or not _PART.fullmatch(part):
            raise BadKeyError(f"bad part in key: {part[:40]!r}")
    return key


def check_prefix(prefix: str) -> str:
    """A prefix is empty or the beginning of a good key; it may end with a slash."""
    if prefix:
        check_key(prefix.rstrip("/") or "/")
    return prefix

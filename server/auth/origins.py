"""Which web pages may speak to us: those of our own host, and those that the operator names."""

from __future__ import annotations

from urllib.parse import urlsplit


def origin_allowed(origin: str | None, host: str, public_origins: tuple[str, ...]) -> bool:
    """``host``: the Host header. No Origin: no browser page asks (programs, tests); other checks still hold."""
    if origin is None:
        return True
    if origin.rstrip("/") in {allowed.rstrip("/") for allowed in public_origins}:
        return True
    try:
        parts = urlsplit(origin)
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and bool(host) and parts.netloc.lower() == host.lower()

"""Whose request it is: the peer's address, or what a trusted TLS front says of it. Pure."""

from __future__ import annotations

from aiohttp import web


def client_address(request: web.BaseRequest, trusted_proxies: tuple[str, ...]) -> str:
    """X-Forwarded-For is read from the right, past our own proxies: whatever stands further left anyone can write."""
    address = request.remote or ""
    if address not in trusted_proxies:
        return address
    hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
    for hop in reversed(hops):
        if hop and hop not in trusted_proxies:
            return hop[:64]
    return address


def is_secure(request: web.BaseRequest, trusted_proxies: tuple[str, ...]) -> bool:
    """Came over TLS, to us or to a trusted front."""
    if (request.remote or "") in trusted_proxies:
        return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
    return request.scheme == "https"

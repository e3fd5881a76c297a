"""Whose request it is: the peer's address, or what a trusted TLS front says of it. Pure."""

from __future__ import annotations

import ipaddress
from functools import lru_cache

from aiohttp import web


def client_address(request: web.BaseRequest, trusted_proxies: tuple[str, ...]) -> str:
    """X-Forwarded-For is read from the right, past our own proxies: whatever stands further left anyone can write."""
    address = request.remote or ""
    if not is_trusted(address, trusted_proxies):
        return address
    hops = [hop.strip() for line in request.headers.getall("X-Forwarded-For", []) for hop in line.split(",")]
    for hop in reversed(hops):
        if hop and not is_trusted(hop, trusted_proxies):
            return hop[:64]
    return address


def is_secure(request: web.BaseRequest, trusted_proxies: tuple[str, ...]) -> bool:
    """Came over TLS, to us or to a trusted front."""
    if is_trusted(request.remote or "", trusted_proxies):
        return request.headers.get("X-Forwarded-Proto", request.scheme) == "https"
    return request.scheme == "https"


@lru_cache(maxsize=4096)
def is_trusted(address: str, trusted_proxies: tuple[str, ...]) -> bool:
    """``trusted_proxies``: addresses and networks (``172.30.10.0/24``), checked when the settings were read."""
    try:
        given = ipaddress.ip_address(address)
    except ValueError:
        return False
    given = getattr(given, "ipv4_mapped", None) or given  # a socket on "::" shows IPv4 peers so
    return any(given in ipaddress.ip_network(proxy, strict=False) for proxy in trusted_proxies)

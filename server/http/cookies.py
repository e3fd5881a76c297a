"""The session cookie. ``__Host-`` binds it to exactly our host; browsers take that over TLS only (RFC 6265bis)."""

from __future__ import annotations

from aiohttp import web

PLAIN = "huitang"
SECURE = "__Host-huitang"


def session_token(request: web.BaseRequest, *, secure: bool) -> str | None:
    """Over TLS only the bound cookie counts: a plain one could come from another port or a subdomain."""
    return request.cookies.get(SECURE if secure else PLAIN) or None


def set_session(response: web.StreamResponse, token: str, *, secure: bool) -> None:
    """A session cookie without an age: how long it holds is decided on the server."""
    response.set_cookie(
        SECURE if secure else PLAIN, token, path="/", httponly=True, samesite="Lax", secure=secure or None
    )


def clear_session(response: web.StreamResponse, *, secure: bool) -> None:
    response.del_cookie(SECURE if secure else PLAIN, path="/", httponly=True, samesite="Lax", secure=secure or None)

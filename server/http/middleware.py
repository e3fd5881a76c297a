"""Around every request: an id, a rate limit per address, errors as ErrorBody, security headers on every answer."""

from __future__ import annotations

import logging
import re
from collections.abc import Awaitable, Callable

from aiohttp import web
from aiohttp.typedefs import Middleware

from server.auth.origins import origin_allowed
from server.auth.rate import RateLimit, subscriber
from server.clock import Clock
from server.error_map import STATUS, error_info
from server.errors import AppError, NotFoundError
from server.http.addresses import client_address, is_secure
from server.http.keys import REQUEST_ID
from server.ids import new_id
from server.protocol.base import ErrorBody, ErrorInfo
from server.protocol.codes import ErrorCode
from server.settings import Settings
from server.telemetry.counters import count

log = logging.getLogger(__name__)

# A whole organisation may sit behind one address, each page with its segments: this stops floods, not people.
REQUESTS_PER_S = 200
REQUESTS_BURST = 1000
SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_HOST = re.compile(r"[A-Za-z0-9.\-]+(:\d{1,5})?\Z|\[[0-9A-Fa-f:.]+\](:\d{1,5})?\Z")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

PERMISSIONS = (
    "camera=(self), microphone=(self), display-capture=(self), fullscreen=(self), autoplay=(self), "
    "screen-wake-lock=(self), geolocation=(), payment=(), usb=(), serial=(), browsing-topics=()"
)


def guard(settings: Settings, clock: Clock) -> Middleware:
    """The outermost middleware."""
    limit = RateLimit(REQUESTS_PER_S, REQUESTS_BURST)

    @web.middleware
    async def middleware(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[REQUEST_ID] = new_id()
        count("http_requests")
        try:
            address = client_address(request, settings.trusted_proxies)
            if not limit.allow(subscriber(address), clock.monotonic_ms()):
                raise AppError(ErrorCode.RATE_LIMITED, "too many requests from this address", retryable=True)
            check_origin(request, settings)
            return await handler(request)
        except web.HTTPException as answer:
            if answer.status < 400:
                raise
            return _from_http(answer)
        except Exception as error:
            return error_response(error_info(error, request[REQUEST_ID]))

    return middleware


def check_origin(request: web.Request, settings: Settings) -> None:
    """No other site's page may change anything here, nor read over a WebSocket (which CORS does not cover)."""
    upgrade = request.headers.get("Upgrade", "").lower() == "websocket"
    if request.method in SAFE_METHODS and not upgrade:
        return
    if not origin_allowed(request.headers.get("Origin"), request.host, settings.public_origins):
        raise AppError(ErrorCode.CSRF, "a page of another site asked for this")


def error_response(info: ErrorInfo, status: int | None = None) -> web.Response:
    """Says when to try again, where that is known."""
    headers = {}
    if "retry_after_s" in info.fields:
        headers["Retry-After"] = info.fields["retry_after_s"]
    body = ErrorBody(error=info).model_dump_json()
    return web.Response(text=body, status=status or STATUS[info.code], content_type="application/json", headers=headers)


def _from_http(answer: web.HTTPException) -> web.Response:
    """aiohttp's own refusals, in our words."""
    match answer.status:
        case 404:
            return error_response(error_info(NotFoundError("no such address")))
        case 413:
            return error_response(error_info(AppError(ErrorCode.MESSAGE_TOO_LARGE, "the body is too large")))
        case 405:
            response = error_response(error_info(AppError(ErrorCode.BAD_REQUEST, "not with this method")), 405)
            response.headers["Allow"] = answer.headers.get("Allow", "")
            return response
        case status:
            return error_response(error_info(AppError(ErrorCode.BAD_REQUEST, answer.reason)), status)


def security_headers(settings: Settings) -> Callable[[web.Request, web.StreamResponse], Awaitable[None]]:
    """A signal, so that files, streams and refusals carry them as well."""

    async def on_prepare(request: web.Request, response: web.StreamResponse) -> None:
        headers = response.headers
        headers["Content-Security-Policy"] = content_security_policy(request.host)
        headers["X-Content-Type-Options"] = "nosniff"
        headers["Referrer-Policy"] = "no-referrer"
        headers["Permissions-Policy"] = PERMISSIONS
        headers["Cross-Origin-Opener-Policy"] = "same-origin"
        headers["Cross-Origin-Resource-Policy"] = "same-origin"
        headers.setdefault("Cache-Control", "no-store")
        headers["X-Request-ID"] = request.get(REQUEST_ID, "")
        if is_secure(request, settings.trusted_proxies):
            headers["Strict-Transport-Security"] = "max-age=31536000"
        headers.popall("Server", None)

    return on_prepare


def content_security_policy(host: str) -> str:
    """Sockets are named by scheme: Safari before 15.4 does not count them to 'self'. hls.js needs blob: workers."""
    sockets = f" ws://{host} wss://{host}" if _HOST.match(host) else ""
    return (
        "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; "
        f"media-src 'self' blob:; worker-src 'self' blob:; connect-src 'self'{sockets}; object-src 'none'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
    )

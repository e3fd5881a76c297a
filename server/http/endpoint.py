"""One row of a ROUTES table as an aiohttp handler: authenticate, check CSRF, validate, call, answer."""

from __future__ import annotations

from aiohttp import web
from pydantic import BaseModel, ValidationError

from server.auth.sessions import SignedIn, same_token
from server.errors import AppError
from server.http.addresses import is_secure
from server.http.cookies import session_token
from server.http.keys import SIGNED_IN
from server.http.middleware import SAFE_METHODS, Handler
from server.http.routing import Call, Route
from server.protocol.codes import ErrorCode
from server.services import Services


def endpoint(route: Route, services: Services) -> Handler:
    async def handle(request: web.Request) -> web.StreamResponse:
        signed_in = None if route.access in ("public", "bearer") else await _signed_in(request, services)
        if route.access == "session":
            check_session(request, signed_in)
        call = Call(
            request=request,
            services=services,
            actor=signed_in.actor if signed_in else None,
            body=await _body(request, route),
            query=_query(request, route),
        )
        return _answer(await route.handler(call))

    return handle


def check_session(request: web.Request, signed_in: SignedIn | None) -> None:
    """Raises AppError NOT_SIGNED_IN or CSRF."""
    if signed_in is None:
        raise AppError(ErrorCode.NOT_SIGNED_IN, "no session")
    if request.method not in SAFE_METHODS and not same_token(request.headers.get("X-CSRF-Token"), signed_in.csrf_token):
        raise AppError(ErrorCode.CSRF, "the X-CSRF-Token header is missing or old")


async def _signed_in(request: web.Request, services: Services) -> SignedIn | None:
    token = session_token(request, secure=is_secure(request, services.settings.trusted_proxies))
    signed_in = await services.sessions.find(token) if token else None
    if signed_in is not None:
        request[SIGNED_IN] = signed_in
    return signed_in


async def _body(request: web.Request, route: Route) -> BaseModel | None:
    """Beacons may come as text/plain (the Beacon API sends strings so); everything else says that it is JSON."""
    if route.body is None:
        return None
    if request.content_type != "application/json" and route.access != "watch":
        raise AppError(ErrorCode.BAD_REQUEST, "the body must be application/json")
    raw = await request.read()
    try:
        return route.body.model_validate_json(raw)
    except ValidationError as error:
        if any(detail["type"] == "json_invalid" for detail in error.errors(include_url=False, include_input=False)):
            raise AppError(ErrorCode.BAD_REQUEST, "the body is not JSON") from None
        raise


def _query(request: web.Request, route: Route) -> BaseModel | None:
    return route.query.model_validate(dict(request.query)) if route.query is not None else None


def _answer(result: BaseModel | web.StreamResponse | None) -> web.StreamResponse:
    match result:
        case None:
            return web.Response(status=204)
        case BaseModel():
            return web.Response(text=result.model_dump_json(), content_type="application/json")
        case _:
            return result

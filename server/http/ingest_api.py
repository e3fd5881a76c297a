"""WHIP (RFC 9725) and WHEP over HTTP, and the tokens for them. SDP in, SDP out; errors as everywhere, with the status
and headers that the RFC asks for."""

from __future__ import annotations

from collections.abc import Awaitable

from aiohttp import web

from server.auth.turn import TurnServers
from server.error_map import error_info
from server.errors import AppError
from server.http.addresses import is_secure
from server.http.middleware import error_response
from server.http.routing import Call, Handler, Route
from server.ingest.offers import Kind
from server.ingest.sessions import IngestSessions
from server.protocol.codes import ErrorCode
from server.protocol.ways import IngestToken, IngestTokenRequest, IngestTokens
from server.services import Services

SDP = "application/sdp"
INGEST = web.AppKey("ingest", IngestSessions)
_UNKNOWN = (ErrorCode.TICKET_INVALID, ErrorCode.TICKET_EXPIRED, ErrorCode.NOT_SIGNED_IN)
_RETRY_S = "2"


# --- tokens -----------------------------------------------------------------------------------------------------------


async def make_token(call: Call) -> IngestToken:
    wish: IngestTokenRequest = call.body
    meeting_id = call.arg("meeting_id")
    token, info = await _ingest(call).tokens.issue(call.who, meeting_id, wish)
    await call.services.access_log.note(call.who, "make_ingest_token", info.token_id)
    scheme = "https" if is_secure(call.request, call.services.settings.trusted_proxies) else "http"
    url = f"{scheme}://{call.request.host}/api/{wish.kind}/{meeting_id}"
    return IngestToken(token_id=info.token_id, kind=info.kind, token=token, url=url, expires_ms=info.expires_ms)


async def list_tokens(call: Call) -> IngestTokens:
    return IngestTokens(tokens=await _ingest(call).tokens.living(call.who, call.arg("meeting_id")))


async def revoke_token(call: Call) -> None:
    """What came in with it is out of the room when this is answered."""
    meeting_id, token_id = call.arg("meeting_id"), call.arg("token_id")
    member_id = await _ingest(call).tokens.revoke(call.who, meeting_id, token_id)
    await _ingest(call).end_of_token(meeting_id, token_id, member_id)
    await call.services.access_log.note(call.who, "revoke_ingest_token", token_id)


# --- sessions ---------------------------------------------------------------------------------------------------------


def offer(kind: Kind) -> Handler:
    async def handle(call: Call) -> web.StreamResponse:
        return await _answered(_open(call, kind))

    return handle


async def _open(call: Call, kind: Kind) -> web.StreamResponse:
    token = _bearer(call)
    if call.request.content_type != SDP:
        info = error_info(AppError(ErrorCode.BAD_REQUEST, f"the body must be {SDP}"))
        return error_response(info, 415)
    try:
        sdp = (await call.request.read()).decode()
    except UnicodeDecodeError:
        raise AppError(ErrorCode.BAD_SDP, "the offer is not UTF-8") from None
    meeting_id = call.arg("meeting_id")
    opened = await _ingest(call).open(kind, meeting_id, token, sdp)
    response = web.Response(status=201, body=opened.answer.encode(), content_type=SDP)
    response.headers["Location"] = f"/api/{kind}/{meeting_id}/{opened.session_id}"
    for link in _ice_links(call.services, opened.session_id):
        response.headers.add("Link", link)
    return response


def leave(kind: Kind) -> Handler:
    async def close(call: Call) -> web.StreamResponse:
        await _ingest(call).close(kind, call.arg("meeting_id"), _bearer(call), call.arg("session_id"))
        return web.Response(status=200)

    async def handle(call: Call) -> web.StreamResponse:
        return await _answered(close(call))

    return handle


async def options(_call: Call) -> web.StreamResponse:
    """RFC 9725 §4.2: what may be posted here."""
    return web.Response(status=204, headers={"Accept-Post": SDP, "Allow": "POST, OPTIONS"})


async def no_patch(_call: Call) -> web.StreamResponse:
    """RFC 9725 §4.3: neither trickled candidates (ours all stand in the answer, the others' are found by their checks)
    nor ICE restarts; a new POST takes their place."""
    response = error_response(error_info(AppError(ErrorCode.BAD_REQUEST, "not with this method")), 405)
    response.headers["Allow"] = "DELETE"
    return response


async def _answered(work: Awaitable[web.StreamResponse]) -> web.StreamResponse:
    """Refusals in the statuses and headers of RFC 9725 §4.2 and RFC 6750 §3."""
    try:
        response = await work
    except AppError as error:
        status = 406 if error.code is ErrorCode.NO_USABLE_MEDIA else None
        response = error_response(error_info(error), status)
        if error.code in _UNKNOWN:
            detail = "" if error.code is ErrorCode.NOT_SIGNED_IN else ', error="invalid_token"'
            response.headers["WWW-Authenticate"] = f'Bearer realm="huitang"{detail}'
        elif response.status == 503:
            response.headers["Retry-After"] = _RETRY_S
    response.headers["Accept-Post"] = SDP
    return response


def _bearer(call: Call) -> str:
    scheme, _, token = call.request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token.strip():
        raise AppError(ErrorCode.NOT_SIGNED_IN, "a bearer token is needed")
    return token.strip()


def _ice_links(services: Services, session_id: str) -> list[str]:
    """RFC 9725 §4.6: relays for networks that let nothing else through."""
    settings = services.settings
    servers = TurnServers(settings.turn_urls, settings.turn_secret, services.clock).for_participant(session_id)
    return [
        f'<{url}>; rel="ice-server"; username="{server.username}"; credential="{server.credential}"; '
        'credential-type="password"'
        for server in servers
        for url in server.urls
    ]


def _ingest(call: Call) -> IngestSessions:
    return call.request.app[INGEST]


_TOKENS = "/api/meetings/{meeting_id}/ingest-tokens"
_WHAT: dict[Kind, str] = {"whip": "Send into a room (RFC 9725)", "whep": "Play a room's stage (draft-ietf-wish-whep)"}


def _session_routes(kind: Kind, what: str) -> tuple[Route, ...]:
    endpoint, session = f"/api/{kind}/{{meeting_id}}", f"/api/{kind}/{{meeting_id}}/{{session_id}}"
    return (
        Route("POST", endpoint, offer(kind), "bearer", f"{what}: SDP offer in, answer out", media_type=SDP),
        Route("OPTIONS", endpoint, options, "public", f"{what}: what may be posted"),
        Route("DELETE", session, leave(kind), "bearer", f"{what}: end the session"),
        Route("PATCH", session, no_patch, "public", f"{what}: no trickling, always 405"),
    )


ROUTES: tuple[Route, ...] = (
    Route(
        "POST",
        _TOKENS,
        make_token,
        "session",
        "A token for an encoder or a player",
        body=IngestTokenRequest,
        answer=IngestToken,
    ),
    Route("GET", _TOKENS, list_tokens, "session", "The tokens that are out", answer=IngestTokens),
    Route("DELETE", _TOKENS + "/{token_id}", revoke_token, "session", "Revoke a token and end what came in with it"),
    *(route for kind, what in _WHAT.items() for route in _session_routes(kind, what)),
)

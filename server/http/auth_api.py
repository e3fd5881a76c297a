"""Login, logout, and who I am."""

from __future__ import annotations

from dataclasses import replace

from aiohttp import web

from server.auth.rights import Action, Target, can
from server.auth.sessions import SignedIn
from server.http.addresses import client_address, is_secure
from server.http.cookies import clear_session, session_token, set_session
from server.http.keys import SIGNED_IN
from server.http.routing import Call, Route
from server.planning.service import schedules_at
from server.protocol.http import Login, Me, PasswordChange, Right
from server.services import Services
from server.storage.members import home_of
from server.storage.organisations import organisation_ref, organisations_at

_ROLE_RIGHTS: dict[str, Right] = {
    "host": Right.HOST,
    "recorder": Right.RECORD,
    "inspector": Right.INSPECT,
    "admin": Right.ADMINISTER,
}


async def login(call: Call) -> web.StreamResponse:
    settings = call.services.settings
    secure = is_secure(call.request, settings.trusted_proxies)
    wish: Login = call.body
    signed_in = await call.services.sessions.login(
        wish.account,
        wish.password,
        address=client_address(call.request, settings.trusted_proxies),
        user_agent=call.request.headers.get("User-Agent", ""),
        old_token=session_token(call.request, secure=secure),
    )
    body = await me_of(signed_in, call.services)
    response = web.Response(text=body.model_dump_json(), content_type="application/json")
    set_session(response, signed_in.token, secure=secure)
    return response


async def logout(call: Call) -> web.StreamResponse:
    await call.services.sessions.revoke(call.request[SIGNED_IN].token)
    response = web.Response(status=204)
    clear_session(response, secure=is_secure(call.request, call.services.settings.trusted_proxies))
    return response


async def change_password(call: Call) -> Me:
    wish: PasswordChange = call.body
    signed_in = call.request[SIGNED_IN]
    await call.services.sessions.change_password(signed_in, wish.old, wish.new)
    await call.services.access_log.note(call.who, "change_password", call.who.account_id)
    return await me_of(replace(signed_in, must_change_password=False), call.services)


async def me(call: Call) -> Me:
    return await me_of(call.request[SIGNED_IN], call.services)


async def me_of(signed_in: SignedIn, services: Services) -> Me:
    actor = signed_in.actor
    now = services.clock.now_ms()
    async with services.db.session() as session:
        branch = await home_of(session, actor.member_id, now)
        manages = await organisations_at(session, schedules_at(actor), now)
    rights = {_ROLE_RIGHTS[r.role] for r in actor.roles if r.role in _ROLE_RIGHTS}
    if manages:
        rights.add(Right.SCHEDULE)
    if any(can(actor, Action.READ_LEDGER, Target(path=r.path)) for r in actor.roles):
        rights.add(Right.READ_LEDGER)
    return Me(
        member_id=actor.member_id,
        name=actor.name,
        account=signed_in.login,
        branch=organisation_ref(branch) if branch else None,
        rights=tuple(right for right in Right if right in rights),
        manages=tuple(organisation_ref(place) for place in manages),
        csrf_token=signed_in.csrf_token,
        must_change_password=signed_in.must_change_password,
    )


ROUTES = (
    Route("POST", "/api/login", login, "public", "Log in; sets the session cookie", body=Login, answer=Me),
    Route("POST", "/api/logout", logout, "session", "End this session"),
    Route(
        "POST",
        "/api/me/password",
        change_password,
        "session",
        "Change my password; all my other sessions end",
        body=PasswordChange,
        answer=Me,
    ),
    Route("GET", "/api/me", me, "session", "Who is signed in, and the CSRF token", answer=Me),
)

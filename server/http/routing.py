"""What a route is. A route without an access rule cannot be written down; app start refuses duplicates."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from aiohttp import web
from pydantic import BaseModel

if TYPE_CHECKING:
    from server.auth.actor import Actor
    from server.services import Services

# public: nobody need be signed in. session: any signed-in account; the handler then asks ``can``.
# watch: the watch session's own nonce is the credential (beacons carry no CSRF header). bearer: no session is looked at
# (so no CSRF either); the handler asks for the token in ``Authorization``.
Access = Literal["public", "session", "watch", "bearer"]


@dataclass(frozen=True, slots=True)
class Call:
    """One request as a handler sees it: already authenticated, CSRF-checked, parsed and validated."""

    request: web.Request
    services: Services
    actor: Actor | None
    body: Any = None  # instance of Route.body
    query: Any = None  # instance of Route.query

    @property
    def who(self) -> Actor:
        """The signed-in actor of a "session" route."""
        if self.actor is None:
            raise RuntimeError("this route is public; it has no actor")
        return self.actor

    def arg(self, name: str) -> str:
        """A part of the path."""
        return self.request.match_info[name]


Handler = Callable[[Call], Awaitable[BaseModel | web.StreamResponse | None]]


@dataclass(frozen=True, slots=True)
class Route:
    """A row of the table. A handler returns a message (200), None (204) or a response of its own."""

    method: Literal["GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
    path: str
    handler: Handler
    access: Access
    summary: str
    body: type[BaseModel] | None = None
    query: type[BaseModel] | None = None
    answer: type[BaseModel] | None = None
    media_type: str | None = None  # of body and answer (201) where they are no messages

"""What middleware and handlers keep on a request."""

from __future__ import annotations

from aiohttp import web

from server.auth.sessions import SignedIn

REQUEST_ID = web.RequestKey("request_id", str)
SIGNED_IN = web.RequestKey("signed_in", SignedIn)

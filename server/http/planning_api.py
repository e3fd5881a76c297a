"""What the scheduling form offers."""

from __future__ import annotations

from pydantic import Field

from server.http.routing import Call, Route
from server.protocol.base import Message
from server.protocol.http import PlanningOptions


class OptionsQuery(Message):
    organisation_id: str | None = Field(default=None, max_length=64)


async def options(call: Call) -> PlanningOptions:
    query: OptionsQuery = call.query
    return await call.services.planning.options(call.who, query.organisation_id)


ROUTES = (
    Route(
        "GET",
        "/api/planning/options",
        options,
        "session",
        "Organisations, people and types to schedule with",
        query=OptionsQuery,
        answer=PlanningOptions,
    ),
)

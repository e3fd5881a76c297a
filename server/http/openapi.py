"""``/api/openapi.json``: OpenAPI 3.1 written from the same tables that route and validate. Pure but for the handler."""

from __future__ import annotations

import re
from typing import Any

from aiohttp import web
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from server import VERSION
from server.http.routing import Call, Route
from server.protocol.base import ErrorBody

_REF = "#/components/schemas/{model}"


def route(routes: tuple[Route, ...]) -> Route:
    """The document's own row; it describes itself as well."""

    async def show(_call: Call) -> web.Response:
        return web.json_response(document)

    own = Route("GET", "/api/openapi.json", show, "public", "This description")
    document = openapi_document((*routes, own))
    return own


def openapi_document(routes: tuple[Route, ...]) -> dict[str, Any]:
    names, schemas = _schemas(routes)
    paths: dict[str, dict[str, Any]] = {}
    for row in routes:
        paths.setdefault(row.path, {})[row.method.lower()] = _operation(row, names, schemas)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Huitang 会堂", "version": VERSION},
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "session": {"type": "apiKey", "in": "cookie", "name": "huitang"},
                "csrf": {"type": "apiKey", "in": "header", "name": "X-CSRF-Token"},
                "bearer": {"type": "http", "scheme": "bearer"},
            },
        },
    }


Names = dict[type[BaseModel], dict[str, Any]]


def _schemas(routes: tuple[Route, ...]) -> tuple[Names, dict[str, Any]]:
    """Bodies and queries as they are validated, answers as they are written."""
    models: set[type[BaseModel]] = {ErrorBody}
    for row in routes:
        models |= {model for model in (row.body, row.answer, row.query) if model is not None}
    ordered = sorted(models, key=lambda model: model.__name__)
    refs, definitions = models_json_schema([(model, "validation") for model in ordered], ref_template=_REF)
    return {model: refs[model, "validation"] for model in ordered}, definitions["$defs"]


def _operation(row: Route, names: Names, schemas: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {"summary": row.summary, "operationId": _operation_id(row), "responses": {}}
    if row.access == "session":
        needed = ("session",) if row.method == "GET" else ("session", "csrf")
        found["security"] = [{name: [] for name in needed}]
    elif row.access == "bearer":
        found["security"] = [{"bearer": []}]
    parameters = [_in_path(name) for name in re.findall(r"\{(\w+)", row.path)]
    if row.query is not None:
        parameters += _in_query(schemas[row.query.__name__])
    if parameters:
        found["parameters"] = parameters
    if row.body is not None:
        found["requestBody"] = {"required": True, "content": _json(names[row.body])}
    if row.media_type is not None:
        plain = {row.media_type: {"schema": {"type": "string"}}}
        found["requestBody"] = {"required": True, "content": plain}
        found["responses"]["201"] = {"description": row.summary, "content": plain}
    elif row.answer is not None:
        found["responses"]["200"] = {"description": row.summary, "content": _json(names[row.answer])}
    else:
        found["responses"]["2XX"] = {"description": row.summary}
    found["responses"]["default"] = {"description": "An error with its code", "content": _json(names[ErrorBody])}
    return found


def _operation_id(row: Route) -> str:
    words = re.sub(r"[^a-z0-9]+", "_", row.path.removeprefix("/api").lower()).strip("_")
    return f"{row.method.lower()}_{words}"


def _in_path(name: str) -> dict[str, Any]:
    return {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}


def _in_query(schema: dict[str, Any]) -> list[dict[str, Any]]:
    required = set(schema.get("required", ()))
    return [
        {"name": name, "in": "query", "required": name in required, "schema": field}
        for name, field in schema["properties"].items()
    ]


def _json(schema: dict[str, Any]) -> dict[str, Any]:
    return {"application/json": {"schema": schema}}

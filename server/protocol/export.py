"""Writes the protocol as TypeScript: ``python -m server.protocol.export [--check]``.

Owns the translation of JSON Schema into interfaces. What clients send is taken in validation mode (fields with a
default may be left out), what the server sends in serialization mode (every field is there). The text depends on
nothing but the models, so ``--check`` can compare it byte by byte.
"""

from __future__ import annotations

import argparse
import inspect
import sys
from collections.abc import Iterable, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from media.control import SOURCES, SlotInfo, WantedPicture
from server.protocol import base, commands, events, http, models, ways
from server.protocol.base import MAX_MESSAGE_BYTES, PROTOCOL_VERSION, Message
from server.protocol.codes import ErrorCode
from server.protocol.commands import COMMANDS, ConnectAuth
from server.protocol.events import ROOM_EVENTS, VOLATILE_EVENTS

TARGET = Path(__file__).parents[2] / "web" / "src" / "protocol" / "generated.ts"
Schema = dict[str, Any]

# What clients send. Everything else travels from the server.
INPUTS: tuple[type[BaseModel], ...] = (
    ConnectAuth,
    WantedPicture,
    *COMMANDS,
    http.Login,
    http.PasswordChange,
    http.AgendaItemInput,
    http.MeetingInput,
    http.TicketRequest,
    http.Heartbeat,
    http.MinutesInput,
    http.SignInput,
    ways.IngestTokenRequest,
)
_ABSTRACT = {"Message", "Command", "RoomEvent", "VolatileEvent"}
_EVENT_NAMES = tuple(event.__name__ for event in ROOM_EVENTS)
_SCALARS = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}
_HEADER = """\
// Written by server/protocol/export.py from the Pydantic models. Never edit; run `make protocol`.
/* eslint-disable */
"""
_FOOTER = """\
/** What the caller of a command gives: everything but the request id, which the signaling client adds. */
export type CommandPayload<N extends keyof CommandMap> = Omit<CommandMap[N]["request"], "request_id">;
/** Every event that the server can send. */
export type EventMap = RoomEventMap & VolatileEventMap;
"""


def export() -> str:
    """The whole file."""
    schemas = _schemas()
    parts = [_HEADER, _constants()]
    parts += [_enum(enum) for enum in _enums()]
    parts.append("export type Source = " + " | ".join(f'"{source}"' for source in SOURCES) + ";\n")
    parts += [_interface(name, schemas[name]) for name in sorted(schemas)]
    parts.append("export type AnyRoomEvent =\n  | " + "\n  | ".join(_EVENT_NAMES) + ";\n")
    parts += [_command_map(), _event_map("RoomEventMap", ROOM_EVENTS), _event_map("VolatileEventMap", VOLATILE_EVENTS)]
    return "\n".join([*parts, _FOOTER])


def _constants() -> str:
    lines = [
        f"export const PROTOCOL_VERSION = {PROTOCOL_VERSION};",
        f"export const MAX_MESSAGE_BYTES = {MAX_MESSAGE_BYTES};\n",
        _names("Commands", COMMANDS),
        _names("RoomEvents", ROOM_EVENTS),
        _names("VolatileEvents", VOLATILE_EVENTS),
    ]
    return "\n".join(lines)


def _names(title: str, messages: Sequence[type[Any]]) -> str:
    rows = "".join(f'  {message.__name__}: "{message.NAME}",\n' for message in messages)
    return f"export const {title} = {{\n{rows}}} as const;\n"


def _enums() -> list[type[StrEnum]]:
    values = [ErrorCode, *vars(models).values(), *vars(http).values()]
    found = {v.__name__: v for v in values if isinstance(v, type) and issubclass(v, StrEnum) and v is not StrEnum}
    return [found[name] for name in sorted(found)]


def _enum(enum: type[StrEnum]) -> str:
    rows = "".join(f'  {member.name}: "{member.value}",\n' for member in enum)
    name = enum.__name__
    values = f"export type {name} = (typeof {name})[keyof typeof {name}];"
    return f"{_doc(enum)}export const {name} = {{\n{rows}}} as const;\n{values}\n"


def _schemas() -> dict[str, Schema]:
    """Object schemas by name. Raises ValueError when one name means two things."""
    found: dict[str, Schema] = {}
    documented = {model.__name__: model for model in _models()}
    for model in documented.values():
        mode = "validation" if model in INPUTS else "serialization"
        schema = model.model_json_schema(mode=mode, ref_template="{model}")  # type: ignore[arg-type]
        for name, part in {**schema.pop("$defs", {}), model.__name__: schema}.items():
            if part.get("type") != "object":
                continue
            if mode == "serialization":
                part["required"] = list(part.get("properties", ()))  # the server leaves nothing out
            if found.setdefault(name, part) != part:
                raise ValueError(f"{name} is sent and received in two shapes; split it")
    for name, part in found.items():
        part["description"] = _doc(documented[name])
    return found


def _models() -> Iterable[type[BaseModel]]:
    yield SlotInfo
    yield WantedPicture
    for module in (base, models, commands, events, http, ways):
        for name, value in vars(module).items():
            if isinstance(value, type) and issubclass(value, Message) and name not in _ABSTRACT:
                yield value


def _doc(owner: type[Any]) -> str:
    text = inspect.cleandoc(owner.__dict__.get("__doc__") or "")
    if not text or text.startswith(owner.__name__ + "("):
        return ""
    lines = text.replace("*/", "*\\/").splitlines()
    if len(lines) == 1:
        return f"/** {lines[0]} */\n"
    return "/**\n" + "".join(f" * {line}".rstrip() + "\n" for line in lines) + " */\n"


def _interface(name: str, schema: Schema) -> str:
    required = set(schema.get("required", ()))
    rows = "".join(
        f"  {field}{'' if field in required else '?'}: {_type(part)};\n"
        for field, part in schema.get("properties", {}).items()
    )
    return f"{schema['description']}export interface {name} {{\n{rows}}}\n"


def _type(schema: Schema) -> str:
    """The TypeScript type of a schema. Raises ValueError for a construct that no model uses yet."""
    if "$ref" in schema:
        return str(schema["$ref"])
    if "const" in schema:
        return f'"{schema["const"]}"'
    if "enum" in schema:
        return "Source" if tuple(schema["enum"]) == SOURCES else " | ".join(f'"{value}"' for value in schema["enum"])
    if options := schema.get("anyOf") or schema.get("oneOf"):
        return _union([_type(option) for option in options])
    match schema.get("type"):
        case "array":
            return _array(schema)
        case "object":
            return _record(schema)
        case str(scalar) if scalar in _SCALARS:
            return _SCALARS[scalar]
    if not schema.keys() - {"title", "default", "description"}:
        return "unknown"
    raise ValueError(f"no TypeScript for {schema}")


def _union(options: list[str]) -> str:
    return "AnyRoomEvent" if tuple(options) == _EVENT_NAMES else " | ".join(options)


def _array(schema: Schema) -> str:
    if "prefixItems" in schema:
        return "[" + ", ".join(_type(item) for item in schema["prefixItems"]) + "]"
    inner = _type(schema["items"])
    return f"({inner})[]" if "|" in inner else f"{inner}[]"


def _record(schema: Schema) -> str:
    values = schema.get("additionalProperties", True)
    inner = "unknown" if values is True else _type(values)
    names = schema.get("propertyNames", {}).get("enum")
    if names is None:
        return f"Record<string, {inner}>"
    return f"Partial<Record<{_type({'enum': names})}, {inner}>>"


def _command_map() -> str:
    rows = "".join(
        f'  "{command.NAME}": {{ request: {command.__name__}; answer: {_answer(command)} }};\n' for command in COMMANDS
    )
    doc = "/** Command name → what is sent, and the ``data`` of its acknowledgement. */\n"
    return f"{doc}export interface CommandMap {{\n{rows}}}\n"


def _answer(command: type[base.Command]) -> str:
    return command.ANSWER.__name__ if command.ANSWER else "null"


def _event_map(title: str, messages: Sequence[type[Any]]) -> str:
    rows = "".join(f'  "{message.NAME}": {message.__name__};\n' for message in messages)
    return f"export interface {title} {{\n{rows}}}\n"


def main(argv: Sequence[str] | None = None) -> int:
    """Writes the file, or with ``--check`` only says whether it is up to date (exit code 1: it is not)."""
    parser = argparse.ArgumentParser(prog="python -m server.protocol.export", description=__doc__)
    parser.add_argument("--check", action="store_true", help="compare only")
    arguments = parser.parse_args(argv)
    text = export()
    if arguments.check:
        same = TARGET.exists() and TARGET.read_text(encoding="utf-8") == text
        if not same:
            sys.stderr.write(f"{TARGET.name} is out of date: run python -m server.protocol.export\n")
        return 0 if same else 1
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    TARGET.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())

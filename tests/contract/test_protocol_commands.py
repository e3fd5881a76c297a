"""Default deny: every command has one handler and one rule; every code has a status and a recovery action."""

from __future__ import annotations

import ast
import re
from pathlib import Path

from pydantic import TypeAdapter

from server.error_map import STATUS
from server.meeting_log.types import EVENT_TYPES
from server.protocol import codes, events
from server.protocol.codes import ErrorCode
from server.protocol.commands import COMMANDS
from server.protocol.events import ROOM_EVENTS, VOLATILE_EVENTS, AnyRoomEvent
from server.rooms.grants import COMMAND_RULES
from server.rooms.transitions import TRANSITIONS
from server.signaling.handlers import HANDLERS

ROOT = Path(__file__).resolve().parents[2]


def test_every_command_has_a_handler_and_a_rule() -> None:
    assert set(HANDLERS) == set(COMMANDS)
    assert set(COMMAND_RULES) == {command.NAME for command in COMMANDS}
    assert len({command.NAME for command in COMMANDS}) == len(COMMANDS)


def test_every_error_code_has_a_status_and_a_recovery_in_the_client() -> None:
    assert set(STATUS) == set(ErrorCode)
    recoveries = (ROOT / "web/src/room/errors.ts").read_text(encoding="utf-8")
    missing = [code.value for code in ErrorCode if not re.search(rf"\b{code.value}\b", recoveries)]
    assert missing == []


def test_numbered_events_are_one_union() -> None:
    schema = TypeAdapter(AnyRoomEvent).json_schema()
    assert set(schema["discriminator"]["mapping"]) == {event.NAME for event in ROOM_EVENTS}
    for event in ROOM_EVENTS:
        assert event.model_fields["type"].default == event.NAME
    assert not {event.NAME for event in ROOM_EVENTS} & {event.NAME for event in VOLATILE_EVENTS}


def test_rooms_understand_only_events_that_a_log_can_hold() -> None:
    assert TRANSITIONS.keys() <= EVENT_TYPES.keys()


def test_protocol_modules_are_leaves() -> None:
    for module in (codes, events):
        assert module.__file__ is not None
        tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
        imported = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
        assert all(not name.startswith("server.") or name.startswith("server.protocol") for name in imported)

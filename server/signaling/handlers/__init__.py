"""The table of commands. Each handler is thin: it asks the rooms, and turns the result into the answer."""

from __future__ import annotations

from server.protocol.base import Command
from server.protocol.commands import COMMANDS
from server.signaling.handlers import media, meeting, moderation, record, room
from server.signaling.handlers.call import Handler

HANDLERS: dict[type[Command], Handler] = {
    **room.HANDLERS,
    **meeting.HANDLERS,
    **media.HANDLERS,
    **record.HANDLERS,
    **moderation.HANDLERS,
}

if missing := set(COMMANDS) ^ HANDLERS.keys():  # default deny: no command without its handler, none that is unknown
    raise RuntimeError(f"commands and handlers differ: {sorted(command.__name__ for command in missing)}")

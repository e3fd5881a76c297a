"""The typed container of everything that handlers may use. app.py fills it once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from recordings.stores.base import ObjectStore
    from server.auth.access_log import AccessLogger
    from server.auth.sessions import Sessions
    from server.auth.tickets import Tickets
    from server.clock import Clock
    from server.makeup.service import Makeup
    from server.meeting_log.ports import MeetingLog
    from server.planning.service import Planning
    from server.record.service import Record
    from server.rooms.registry import RoomRegistry
    from server.settings import Settings
    from server.storage.engine import Database
    from server.workers.media import MediaWorkers
    from server.workers.recorders import Recorders


@dataclass(slots=True)
class Services:
    settings: Settings
    clock: Clock
    db: Database
    log: MeetingLog
    store: ObjectStore
    sessions: Sessions
    tickets: Tickets
    access_log: AccessLogger
    planning: Planning
    rooms: RoomRegistry
    media: MediaWorkers
    recorders: Recorders
    record: Record
    makeup: Makeup

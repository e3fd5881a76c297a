"""What participants do in a meeting: sign in, remark, raise hands, give the floor, move the agenda, pin the stage.

Rights by role were checked before (grants.py); here it is asked whether the meeting's state and the others allow it.
Everything is idempotent: it is said how things shall be, and nothing happens when they are so already.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Collection

from media.control import SOURCES, Source
from server.errors import AppError, ForbiddenError, NotFoundError
from server.protocol.codes import ErrorCode
from server.protocol.events import GrantsChanged, MuteRequested
from server.protocol.models import MeetingState, Publishing, RemarkInfo, RollEntry
from server.rooms.desk import Desk, acting
from server.rooms.grants import ENCODER_SOURCES, companion_grants, may_publish, publishing, room_grants
from server.rooms.participant import Participant
from server.rooms.publications import publication_id_of
from server.rooms.remarks import remark_id_of
from server.rooms.room import Room

_KEPT = "\n\t\u200c\u200d"  # joiners make emoji families and some scripts
_BAD = "\ufffe\uffff"  # no characters at all; XML refuses them


class Conduct:
    """``who`` is in the room and acts."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk

    # --- the roll ---

    async def sign_in(self, room: Room, who: Participant) -> RollEntry:
        return await self._sign_in(room, who.member_id, {"method": "self", "participant_id": who.participant_id}, who)

    async def sign_in_proxy(self, room: Room, who: Participant, member_id: str) -> RollEntry:
        return await self._sign_in(room, member_id, {"method": "proxy", "by": who.member_id}, who)

    async def _sign_in(self, room: Room, member_id: str, payload: dict[str, str], who: Participant) -> RollEntry:
        async with acting(room, who):
            _require_open(room)
            if not room.roll.expects(member_id):
                raise NotFoundError("this member is not on the roll")
            if not room.roll.signed_in(member_id):
                await self._desk.record(room, "signed_in", {"member_id": member_id, **payload}, actor=who.member_id)
            return room.roll.entry(member_id)

    # --- remarks, hands, floor ---

    async def post_remark(self, room: Room, who: Participant, text: str, request_id: str) -> RemarkInfo:
        clean = clean_text(text)
        if not clean:
            raise AppError(ErrorCode.VALIDATION, "the remark is empty", fields={"text": "must not be empty"})
        remark_id = remark_id_of(who.participant_id, request_id)
        async with acting(room, who):
            _require_live(room)
            if room.remarks.get(remark_id) is None:
                payload = {**_remark_of(who, remark_id, room), "text": clean}
                await self._desk.record(room, "remark", payload, actor=who.member_id)
            remark = room.remarks.get(remark_id)
            assert remark is not None  # noqa: S101 (the transition of "remark" has put it there)
            return remark

    async def raise_hand(self, room: Room, who: Participant) -> None:
        async with acting(room, who):
            _require_open(room)
            if who.participant_id not in room.hands:
                await self._desk.record(room, "hand_raised", _hand(who), actor=who.member_id)

    async def lower_hand(self, room: Room, who: Participant, participant_id: str | None) -> None:
        async with acting(room, who):
            whose = _other(room, participant_id or who.participant_id)
            if whose is not who and not who.grants().moderate:
                raise ForbiddenError("only the host takes down another's hand")
            if whose.participant_id in room.hands:
                payload = _hand(whose) if whose is who else {**_hand(whose), "by": who.member_id}
                await self._desk.record(room, "hand_lowered", payload, actor=who.member_id)

    async def give_floor(self, room: Room, who: Participant, participant_id: str, request_id: str) -> None:
        remark_id = remark_id_of(who.participant_id, request_id)
        async with acting(room, who):
            _require_live(room)
            speaker = _other(room, participant_id)
            if room.floor.is_held_by(participant_id) or room.remarks.get(remark_id):
                return
            if not speaker.grants().publish_audio:
                raise AppError(ErrorCode.CONFLICT, "who may not be heard cannot have the floor")
            await self.end_turn(room, who)
            payload = {**_remark_of(speaker, remark_id, room), "by": who.member_id}
            await self._desk.record(room, "floor_given", payload, actor=who.member_id)

    async def end_floor(self, room: Room, who: Participant) -> None:
        async with acting(room, who):
            mine = room.floor.turn is None or room.floor.is_held_by(who.participant_id)
            if not mine and not who.grants().moderate:
                raise ForbiddenError("only the host ends another's turn")
            await self.end_turn(room, who)

    async def end_turn(self, room: Room, by: Participant | None) -> None:
        """The lock is held. ``by`` None: it ends by itself, because the speaker is gone or the meeting over."""
        turn = room.floor.turn
        if turn is None:
            return
        payload = {
            "remark_id": turn.remark_id,
            "participant_id": turn.participant_id,
            "member_id": room.participants[turn.participant_id].member_id,
        }
        if by is not None and by.participant_id != turn.participant_id:
            payload["by"] = by.member_id
        await self._desk.record(room, "floor_ended", payload, actor=by.member_id if by else None)

    # --- agenda, stage ---

    async def move_agenda(self, room: Room, who: Participant, item_id: str | None) -> None:
        async with acting(room, who):
            _require_live(room)
            if item_id is not None and item_id not in room.agenda:
                raise NotFoundError("no such agenda item")
            if room.agenda.current != item_id:
                await self._desk.record(room, "agenda_moved", {"item_id": item_id}, actor=who.member_id)

    async def pin_stage(self, room: Room, who: Participant, publication_id: str | None) -> None:
        async with acting(room, who):
            if publication_id is not None and room.publications.get(publication_id) is None:
                raise NotFoundError("nobody sends this")
            if room.stage.pinned != publication_id:
                await self._desk.record(room, "stage_changed", {"publication_id": publication_id}, actor=who.member_id)

    # --- publications ---

    async def publish(self, room: Room, who: Participant, source: Source, *, muted: bool) -> None:
        async with acting(room, who):
            if not may_publish(who.grants(), source):
                raise ForbiddenError(f"no grant for {source}")
            if room.publications.get(publication_id_of(who.participant_id, source)) is None:
                payload = {"participant_id": who.participant_id, "source": source, "muted": muted}
                await self._desk.record(room, "publication_started", payload, actor=who.member_id)
            else:
                await self._mute(room, who, source, muted)

    async def mute(self, room: Room, who: Participant, source: Source, *, muted: bool) -> None:
        async with acting(room, who):
            if room.publications.get(publication_id_of(who.participant_id, source)) is None:
                raise NotFoundError(f"you do not send {source}")
            await self._mute(room, who, source, muted)

    async def _mute(self, room: Room, who: Participant, source: Source, muted: bool) -> None:
        publication = room.publications.get(publication_id_of(who.participant_id, source))
        if publication is not None and publication.muted != muted:
            payload = {"participant_id": who.participant_id, "source": source, "muted": muted}
            await self._desk.record(room, "publication_muted", payload, actor=who.member_id)

    async def unpublish(self, room: Room, who: Participant, source: Source) -> None:
        async with acting(room, who):
            if room.publications.get(publication_id_of(who.participant_id, source)) is not None:
                payload = {"participant_id": who.participant_id, "source": source}
                await self._desk.record(room, "publication_ended", payload, actor=who.member_id)

    async def mute_other(self, room: Room, who: Participant, participant_id: str) -> None:
        async with acting(room, who):
            target = _other(room, participant_id)
            publication = room.publications.get(publication_id_of(participant_id, "microphone"))
            if publication is None or publication.muted:
                return
            payload = {"participant_id": participant_id, "by": who.member_id}
            await self._desk.record(room, "muted_by_host", payload, actor=who.member_id)
            if target.connection is not None:
                self._desk.audience.tell(room.meeting_id, target.connection, MuteRequested(source="microphone"))

    async def allow(
        self, room: Room, who: Participant, participant_id: str, allowed: Collection[Publishing]
    ) -> Participant:
        """Takes from a participant, or gives back, what the role lets it publish. Returns that participant."""
        async with acting(room, who):
            target = room.anybody(participant_id)
            if target is None:
                raise NotFoundError("no such participant in the room")
            if target is who:
                raise AppError(ErrorCode.VALIDATION, "not yourself", fields={"participant_id": "is yourself"})
            withheld = tuple(kind for kind in _of_role(target) if kind not in allowed)
            if withheld == target.withheld:
                return target
            payload = {"participant_id": participant_id, "withheld": list(withheld), "by": who.member_id}
            await self._desk.record(room, "grants_changed", payload, actor=who.member_id)
            await self._settle_publications(room, target, who)
            if target.connection is not None:
                self._desk.audience.tell(room.meeting_id, target.connection, GrantsChanged(grants=target.grants()))
            return target

    async def _settle_publications(self, room: Room, target: Participant, by: Participant) -> None:
        """What is withheld ends. A machine cannot announce again what it is given back, so that is done for it."""
        for source in SOURCES:
            payload: dict[str, object] = {"participant_id": target.participant_id, "source": source}
            is_there = room.publications.get(publication_id_of(target.participant_id, source)) is not None
            if publishing(source) in target.withheld:
                if is_there:
                    await self._desk.record(room, "publication_ended", payload, actor=by.member_id)
            elif target.device == "encoder" and source in ENCODER_SOURCES and not is_there:
                await self._desk.record(room, "publication_started", {**payload, "muted": False}, actor=by.member_id)


def clean_text(text: str) -> str:
    """Without control and direction characters (but line breaks and joiners), which documents cannot hold."""
    kept = (c for c in text if c in _KEPT or (unicodedata.category(c) not in ("Cc", "Cf", "Cs") and c not in _BAD))
    return "".join(kept).strip()


def _require_open(room: Room) -> None:
    if room.is_over:
        raise AppError(ErrorCode.MEETING_STATE, f"the meeting is {room.state}")


def _require_live(room: Room) -> None:
    if room.state is not MeetingState.LIVE:
        raise AppError(ErrorCode.MEETING_STATE, f"the meeting is {room.state}, not live")


def _other(room: Room, participant_id: str) -> Participant:
    found = room.in_room(participant_id)
    if found is None:
        raise NotFoundError("no such participant in the room")
    return found


def _of_role(who: Participant) -> tuple[Publishing, ...]:
    grants = room_grants(who.role) if who.companion_of is None else companion_grants(who.device)
    kinds: tuple[tuple[Publishing, bool], ...] = (
        ("audio", grants.publish_audio),
        ("video", grants.publish_video),
        ("screen", grants.share_screen),
    )
    return tuple(kind for kind, granted in kinds if granted)


def _hand(who: Participant) -> dict[str, str]:
    return {"participant_id": who.participant_id, "member_id": who.member_id}


def _remark_of(who: Participant, remark_id: str, room: Room) -> dict[str, str]:
    payload = {"remark_id": remark_id, **_hand(who)}
    return {**payload, "agenda_item_id": room.agenda.current} if room.agenda.current else payload

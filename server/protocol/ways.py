"""Bodies of the other ways in and out of a room: the broadcast, and the tokens of encoders and players."""

from __future__ import annotations

from typing import Literal

from server.protocol.base import Message


class BroadcastInfo(Message):
    """``GET /api/meetings/{meeting_id}/broadcast``: the running program as HLS, some seconds behind the room.

    waiting: there is nothing to play yet; ask again in a few seconds. unavailable: ``reason`` says why (not_live,
    ended, not_recorded, recording_failed, recorder_unavailable, store_away). A new recording in the same meeting has
    another playlist, so ask again when this one stops.
    """

    state: Literal["live", "waiting", "unavailable"]
    playlist_url: str | None = None
    reason: str | None = None

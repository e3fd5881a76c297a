"""Bodies of the other ways in and out of a room: the broadcast, and the tokens of encoders and players."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

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


class IngestTokenRequest(Message):
    """``POST /api/meetings/{meeting_id}/ingest-tokens``. whip: an encoder sends into the room; whep: a player shows its
    stage. ``name`` is what the room shows of it."""

    kind: Literal["whip", "whep"]
    name: str = Field(default="", max_length=64)


class IngestTokenInfo(Message):
    """A token without itself. Revoked by ``DELETE …/ingest-tokens/{token_id}``."""

    token_id: str
    kind: Literal["whip", "whep"]
    name: str
    created_ms: int
    expires_ms: int  # at the latest: it is over with the meeting


class IngestToken(Message):
    """Shown once. The program sends it as ``Authorization: Bearer …`` to ``url``."""

    token_id: str
    kind: Literal["whip", "whep"]
    token: str
    url: str
    expires_ms: int


class IngestTokens(Message):
    """``GET /api/meetings/{meeting_id}/ingest-tokens``."""

    tokens: tuple[IngestTokenInfo, ...]

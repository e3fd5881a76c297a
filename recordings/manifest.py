"""What a finished recording consists of, with the hash of every object: written once, at the end."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from pydantic import BaseModel, ConfigDict

from recordings.control import Gap
from recordings.playlist import PlaylistSegment, write_playlist

MANIFEST_TYPE = "application/json"
INIT_TYPE, SEGMENT_TYPE = "video/mp4", "video/iso.segment"
PLAYLIST_NAME, MANIFEST_NAME = "index.m3u8", "manifest.json"


class ManifestObject(BaseModel):
    """``duration_ticks`` counts 1/90000 s and is 0 for init segments."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    sha256: str
    bytes: int
    start_ms: int
    duration_ms: int
    duration_ticks: int = 0
    init_name: str = ""


class Tracks(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    video: Literal["H264"] = "H264"
    audio: Literal["AAC-LC"] = "AAC-LC"
    audio_rate_hz: int = 48_000


class Manifest(BaseModel):
    """``gaps`` are stretches of silence and no picture that were declared: pauses, crashes, losses."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    version: Literal[1] = 1
    recording_id: str
    origin_ms: int
    duration_ms: int
    tracks: Tracks = Tracks()
    objects: tuple[ManifestObject, ...]
    gaps: tuple[Gap, ...] = ()


def key_of(recording_id: str, name: str) -> str:
    return f"rec/{recording_id}/{name}"


def content_type_of(name: str) -> str:
    return INIT_TYPE if name.endswith(".mp4") else SEGMENT_TYPE


def playlist_of(objects: Iterable[ManifestObject], origin_ms: int, ended: bool) -> str:
    """The playlist of these objects, which are in order; inits are named by their segments."""
    segments = [
        PlaylistSegment(each.name, each.init_name, each.start_ms, each.duration_ticks / 90_000)
        for each in objects
        if each.duration_ticks
    ]
    return write_playlist(segments, origin_ms, ended)

"""Brings an existing film into the library: the same objects and playlist as a recorded lesson has.

H.264 is passed through, other pictures are encoded again; sound always becomes mono AAC at 48 kHz, as in recordings.
"""

from __future__ import annotations

import asyncio
import hashlib
from array import array
from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import NamedTuple

import av

from recordings.avc import ParameterSets, Picture, avcc, parameter_sets, picture_size, split_annex_b, to_sample
from recordings.codecs.aac import AacEncoder, AacFrame
from recordings.codecs.h264_encoder import H264Encoder, fit
from recordings.codecs.placeholder import placeholder, placeholder_samples
from recordings.control import RecordingSegment
from recordings.errors import RecordingsError, StoreAwayError
from recordings.fmp4 import (
    AUDIO_TRACK,
    VIDEO_TIMESCALE,
    VIDEO_TRACK,
    AudioConfig,
    Sample,
    TrackRun,
    VideoConfig,
    write_init,
    write_segment,
)
from recordings.manifest import (
    MANIFEST_NAME,
    MANIFEST_TYPE,
    PLAYLIST_NAME,
    Manifest,
    ManifestObject,
    content_type_of,
    key_of,
    playlist_of,
)
from recordings.mixer import BLOCK, RATE
from recordings.playlist import CONTENT_TYPE as PLAYLIST_TYPE
from recordings.stores.base import ObjectStore

SEGMENT_TICKS = 4 * VIDEO_TIMESCALE
KEYFRAME_TICKS = 4 * VIDEO_TIMESCALE
INIT_NAME = "init0.mp4"


class UnreadableFileError(RecordingsError):
    """The file holds no film that can be decoded."""


class ImportedRecording(NamedTuple):
    duration_ms: int
    segments: tuple[RecordingSegment, ...]


class _Shot(NamedTuple):
    """One picture; times in ticks from the first one."""

    decode: int
    show: int
    duration: int
    keyframe: bool
    data: bytes


async def import_file(path: Path, store: ObjectStore, recording_id: str, origin_ms: int = 0) -> ImportedRecording:
    """Stores the film as the finished recording ``recording_id``. ``origin_ms`` is the UTC time of its second 0."""
    made = _objects(path)
    kept: list[ManifestObject] = []
    while (item := await asyncio.to_thread(next, made, None)) is not None:
        each, data = item
        key = key_of(recording_id, each.name)
        await store.put(key, data, content_type_of(each.name))
        if not await store.verify(key, each.sha256):
            raise StoreAwayError(f"{key} was read back with other bytes")
        kept.append(each)
    duration_ms = max(each.start_ms + each.duration_ms for each in kept)
    manifest = Manifest(recording_id=recording_id, origin_ms=origin_ms, duration_ms=duration_ms, objects=tuple(kept))
    playlist = playlist_of(kept, origin_ms, ended=True)
    await store.put(key_of(recording_id, PLAYLIST_NAME), playlist.encode(), PLAYLIST_TYPE)
    await store.put(key_of(recording_id, MANIFEST_NAME), manifest.model_dump_json().encode(), MANIFEST_TYPE)
    return ImportedRecording(duration_ms, tuple(_event(recording_id, index, each) for index, each in enumerate(kept)))


def _event(recording_id: str, index: int, each: ManifestObject) -> RecordingSegment:
    return RecordingSegment(
        recording_id=recording_id,
        index=index,
        key=key_of(recording_id, each.name),
        sha256=each.sha256,
        bytes=each.bytes,
        start_ms=each.start_ms,
        duration_ms=each.duration_ms,
    )


# --- blocking half ----------------------------------------------------------------------------------------------------


def _objects(path: Path) -> Iterator[tuple[ManifestObject, bytes]]:
    """The init segment and the media segments, in order."""
    try:
        sound, config, sound_ticks = _read_sound(path)
        video, shots = _read_video(path, sound_ticks)
        init = write_init(video, config)
        yield _describe(INIT_NAME, init), init
        start_ticks = start_samples = 0
        for number, group in enumerate(_groups(shots)):
            end_ticks = group[-1].decode + group[-1].duration
            samples = _take_sound(sound, end_ticks)
            pictures = [Sample(shot.data, shot.duration, shot.keyframe, shot.show - shot.decode) for shot in group]
            runs = [TrackRun(VIDEO_TRACK, start_ticks, pictures), TrackRun(AUDIO_TRACK, start_samples, samples)]
            data = write_segment(number + 1, runs)
            yield _describe(f"{number:06d}.m4s", data, start_ticks, end_ticks), data
            start_ticks, start_samples = end_ticks, start_samples + BLOCK * len(samples)
        if not start_ticks:
            raise UnreadableFileError("the file has no picture and no sound")
    except av.error.FFmpegError as error:
        raise UnreadableFileError(str(error)) from error


def _describe(name: str, data: bytes, start: int = 0, end: int = 0) -> ManifestObject:
    return ManifestObject(
        name=name,
        sha256=hashlib.sha256(data).hexdigest(),
        bytes=len(data),
        start_ms=start // 90,
        duration_ms=end // 90 - start // 90,
        duration_ticks=end - start,
        init_name=INIT_NAME if end else "",
    )


def _groups(shots: Iterator[_Shot]) -> Iterator[list[_Shot]]:
    group: list[_Shot] = []
    for shot in shots:
        if group and shot.keyframe and shot.decode - group[0].decode >= SEGMENT_TICKS:
            yield group
            group = []
        group.append(shot)
    if group:
        yield group


def _take_sound(sound: deque[AacFrame], end_ticks: int) -> list[Sample]:
    taken: list[Sample] = []
    while sound and sound[0].position < end_ticks * RATE // VIDEO_TIMESCALE:
        taken.append(Sample(sound.popleft().data, BLOCK))
    return taken


def _read_sound(path: Path) -> tuple[deque[AacFrame], AudioConfig, int]:
    """Sound for the whole film as AAC frames, silence where it has none; its length in ticks. 30 MB an hour: kept.

    Players wait for ever for a track that the init segment promises and no segment brings.
    """
    encoder = AacEncoder(0)
    frames: deque[AacFrame] = deque()
    waiting = array("h")
    with av.open(str(path), "r") as container:
        if container.streams.audio:
            resampler = av.AudioResampler(format="s16", layout="mono", rate=RATE)
            for frame in container.decode(container.streams.audio[0]):
                frame.pts = None
                for piece in resampler.resample(frame):
                    waiting.frombytes(bytes(piece.planes[0])[: piece.samples * 2])
                while len(waiting) >= BLOCK:
                    frames.extend(encoder.encode(waiting[:BLOCK]))
                    del waiting[:BLOCK]
        film_samples = (container.duration or 0) * RATE // av.time_base
    waiting.extend(array("h", bytes(2 * (-len(waiting) % BLOCK))))
    while waiting or len(frames) * BLOCK < film_samples:
        frames.extend(encoder.encode(waiting or array("h", bytes(2 * BLOCK))))
        waiting = array("h")
    frames.extend(encoder.flush())
    return frames, encoder.config, len(frames) * BLOCK * VIDEO_TIMESCALE // RATE


def _read_video(path: Path, sound_ticks: int) -> tuple[VideoConfig, Iterator[_Shot]]:
    with av.open(str(path), "r") as container:
        if not container.streams.video:
            return _no_video(sound_ticks)
        context = container.streams.video[0].codec_context
        record = bytes(context.extradata or b"")
        if context.name == "h264" and record[:1] == b"\x01" and context.pix_fmt in ("yuv420p", "yuvj420p"):
            return VideoConfig(record, Picture(context.width, context.height)), _passed(path)
    return _encoded(path)


def _no_video(sound_ticks: int) -> tuple[VideoConfig, Iterator[_Shot]]:
    sets = placeholder().sets
    samples = placeholder_samples()
    shots = (
        _Shot(ticks, ticks, min(VIDEO_TIMESCALE, sound_ticks - ticks), True, next(samples))
        for ticks in range(0, sound_ticks, VIDEO_TIMESCALE)
    )
    return _config(sets), shots


def _passed(path: Path) -> Iterator[_Shot]:
    """The packets of the film as they are; composition offsets keep pictures that are decoded out of order."""
    with av.open(str(path), "r") as container:
        stream = container.streams.video[0]
        first_decode = first_show = None
        for packet in container.demux(stream):
            if packet.dts is None or packet.pts is None or packet.time_base is None:
                continue
            decode, show = _to_ticks(packet.dts, packet.time_base), _to_ticks(packet.pts, packet.time_base)
            if first_decode is None or first_show is None:
                first_decode, first_show = decode, show
            duration = _to_ticks(packet.duration or 0, packet.time_base) or VIDEO_TIMESCALE // 25
            yield _Shot(decode - first_decode, show - first_show, duration, packet.is_keyframe, bytes(packet))


def _encoded(path: Path) -> tuple[VideoConfig, Iterator[_Shot]]:
    """Decodes and encodes every picture; the first one tells the parameter sets."""
    shots = _encode(path)
    first = next(shots, None)
    if first is None:
        raise UnreadableFileError("the film has no picture")
    units = split_annex_b(first.data)

    def converted() -> Iterator[_Shot]:
        yield first._replace(data=to_sample(units))
        for shot in shots:
            yield shot._replace(data=to_sample(split_annex_b(shot.data)))

    return _config(parameter_sets(units)), converted()


def _encode(path: Path) -> Iterator[_Shot]:
    encoder: H264Encoder | None = None
    waiting: _Shot | None = None
    keyframe_at = origin = 0
    with av.open(str(path), "r") as container:
        for frame in container.decode(container.streams.video[0]):
            if frame.pts is None or frame.time_base is None:
                continue
            ticks = _to_ticks(frame.pts, frame.time_base)
            if encoder is None:
                encoder, origin = H264Encoder(*fit(frame.width, frame.height), preset="veryfast"), ticks
            ticks -= origin
            keyframe = waiting is None or ticks - keyframe_at >= KEYFRAME_TICKS
            keyframe_at = ticks if keyframe else keyframe_at
            if waiting is not None:
                yield waiting._replace(duration=max(ticks - waiting.decode, 1))
            waiting = _Shot(ticks, ticks, VIDEO_TIMESCALE // 25, keyframe, encoder.encode(frame, ticks, keyframe))
    if waiting is not None:
        yield waiting


def _config(sets: ParameterSets) -> VideoConfig:
    return VideoConfig(avcc(sets), picture_size(sets.sps[0]))


def _to_ticks(time: int, base: Fraction) -> int:
    return round(time * base * VIDEO_TIMESCALE)

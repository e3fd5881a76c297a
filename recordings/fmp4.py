"""Writes fragmented MP4 (ISO 14496-12, CMAF: one video and one audio track, one moof per segment). Pure.

Own code instead of a muxer library: segments are cut where the program wants it, with real times across init
segments, and the same samples always give the same bytes.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import NamedTuple

from recordings.avc import Picture

VIDEO_TRACK, AUDIO_TRACK = 1, 2
VIDEO_TIMESCALE = 90_000
_MATRIX = struct.pack("!9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_SYNC_SAMPLE = 0x02000000  # depends on no other sample
_DELTA_SAMPLE = 0x01010000  # depends on others, is no sync sample
_LANGUAGE_UND = 0x55C4


class VideoConfig(NamedTuple):
    avcc: bytes
    picture: Picture


class AudioConfig(NamedTuple):
    """``specific`` is the AudioSpecificConfig of ISO 14496-3."""

    specific: bytes
    rate: int
    channels: int


class Sample(NamedTuple):
    data: bytes
    duration: int
    keyframe: bool = True
    composition_offset: int = 0


class TrackRun(NamedTuple):
    """Samples of one track in one segment; ``start`` in the track's timescale."""

    track: int
    start: int
    samples: Sequence[Sample]


def box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return (len(body) + 8).to_bytes(4, "big") + kind + body


def full_box(kind: bytes, version: int, flags: int, *parts: bytes) -> bytes:
    return box(kind, (version << 24 | flags).to_bytes(4, "big"), *parts)


def write_init(video: VideoConfig, audio: AudioConfig) -> bytes:
    """ftyp + moov without samples."""
    brands = box(b"ftyp", b"iso6", bytes(4), b"iso6", b"cmfc", b"mp41")
    mvhd = full_box(
        b"mvhd", 0, 0, struct.pack("!4IIH", 0, 0, 1000, 0, 0x10000, 0x0100), bytes(10), _MATRIX, bytes(24),
        struct.pack("!I", AUDIO_TRACK + 1),
    )  # fmt: skip
    extends = [full_box(b"trex", 0, 0, struct.pack("!5I", track, 1, 0, 0, 0)) for track in (VIDEO_TRACK, AUDIO_TRACK)]
    return brands + box(b"moov", mvhd, _video_track(video), _audio_track(audio), box(b"mvex", *extends))


def write_segment(sequence: int, runs: Sequence[TrackRun]) -> bytes:
    """styp + moof + mdat. ``sequence`` counts from 1 over the whole recording."""
    runs = [run for run in runs if run.samples]
    head = box(b"styp", b"msdh", bytes(4), b"msdh", b"msix", b"cmfs")
    blank = _moof(sequence, runs, 0)
    moof = _moof(sequence, runs, len(blank) + 8)
    return head + moof + box(b"mdat", *(sample.data for run in runs for sample in run.samples))


def _moof(sequence: int, runs: Sequence[TrackRun], data_offset: int) -> bytes:
    trafs: list[bytes] = []
    for run in runs:
        trafs.append(_traf(run, data_offset))
        data_offset += sum(len(sample.data) for sample in run.samples)
    return box(b"moof", full_box(b"mfhd", 0, 0, struct.pack("!I", sequence)), *trafs)


def _traf(run: TrackRun, data_offset: int) -> bytes:
    tfhd = full_box(b"tfhd", 0, 0x020000, struct.pack("!I", run.track))  # default-base-is-moof
    tfdt = full_box(b"tfdt", 1, 0, struct.pack("!Q", run.start))
    entries = b"".join(
        struct.pack(
            "!3Ii",
            sample.duration,
            len(sample.data),
            _SYNC_SAMPLE if sample.keyframe else _DELTA_SAMPLE,
            sample.composition_offset,
        )
        for sample in run.samples
    )
    # data offset, and per sample duration, size, flags, composition offset (version 1: signed)
    trun = full_box(b"trun", 1, 0x000F01, struct.pack("!Ii", len(run.samples), data_offset), entries)
    return box(b"traf", tfhd, tfdt, trun)


def _track(track: int, volume: int, size: Picture, media: bytes) -> bytes:
    tkhd = full_box(
        b"tkhd", 0, 7, struct.pack("!5I", 0, 0, track, 0, 0), bytes(8), struct.pack("!4H", 0, 0, volume, 0), _MATRIX,
        struct.pack("!2I", size.width << 16, size.height << 16),
    )  # fmt: skip
    return box(b"trak", tkhd, media)


def _media(timescale: int, handler: bytes, name: bytes, header: bytes, entry: bytes) -> bytes:
    mdhd = full_box(b"mdhd", 0, 0, struct.pack("!4I2H", 0, 0, timescale, 0, _LANGUAGE_UND, 0))
    hdlr = full_box(b"hdlr", 0, 0, bytes(4), handler, bytes(12), name + b"\x00")
    dinf = box(b"dinf", full_box(b"dref", 0, 0, struct.pack("!I", 1), full_box(b"url ", 0, 1)))
    stbl = box(
        b"stbl",
        full_box(b"stsd", 0, 0, struct.pack("!I", 1), entry),
        full_box(b"stts", 0, 0, bytes(4)),
        full_box(b"stsc", 0, 0, bytes(4)),
        full_box(b"stsz", 0, 0, bytes(8)),
        full_box(b"stco", 0, 0, bytes(4)),
    )
    return box(b"mdia", mdhd, hdlr, box(b"minf", header, dinf, stbl))


def _video_track(video: VideoConfig) -> bytes:
    width, height = video.picture
    avc1 = box(
        b"avc1", bytes(6), struct.pack("!H", 1), bytes(16), struct.pack("!2H", width, height),
        struct.pack("!3I", 0x00480000, 0x00480000, 0), struct.pack("!H", 1), bytes(32), struct.pack("!Hh", 24, -1),
        box(b"avcC", video.avcc),
    )  # fmt: skip
    media = _media(VIDEO_TIMESCALE, b"vide", b"program", full_box(b"vmhd", 0, 1, bytes(8)), avc1)
    return _track(VIDEO_TRACK, 0, video.picture, media)


def _audio_track(audio: AudioConfig) -> bytes:
    mp4a = box(
        b"mp4a", bytes(6), struct.pack("!H", 1), bytes(8), struct.pack("!4H", audio.channels, 16, 0, 0),
        struct.pack("!I", audio.rate << 16), full_box(b"esds", 0, 0, _es_descriptor(audio)),
    )  # fmt: skip
    media = _media(audio.rate, b"soun", b"voices", full_box(b"smhd", 0, 0, bytes(4)), mp4a)
    return _track(AUDIO_TRACK, 0x0100, Picture(0, 0), media)


def _es_descriptor(audio: AudioConfig) -> bytes:
    """ES_Descriptor of ISO 14496-1 §7.2.6.5 for AAC."""
    specific = _descriptor(5, audio.specific)
    config = _descriptor(4, bytes((0x40, 0x15)) + bytes(3) + struct.pack("!2I", 0, 0) + specific)
    return _descriptor(3, struct.pack("!HB", AUDIO_TRACK, 0) + config + _descriptor(6, b"\x02"))


def _descriptor(tag: int, body: bytes) -> bytes:
    if len(body) > 127:
        raise ValueError("a descriptor is too long")
    return bytes((tag, len(body))) + body

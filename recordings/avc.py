"""H.264 bytes: NAL units in Annex B, parameter sets, the avcC record of MP4 (ISO 14496-15 §5.3.3). Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

_START = re.compile(rb"\x00\x00\x01")
SLICE, IDR, SEI, SPS, PPS, AUD, FILLER = 1, 5, 6, 7, 8, 9, 12
MAX_SIDE = 8192
_MAX_SETS, _MAX_SET_BYTES = 16, 1024
_HIGH_PROFILES = frozenset({100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135})


class Picture(NamedTuple):
    """Size in pixels as shown (cropping applied)."""

    width: int
    height: int


class ParameterSets(NamedTuple):
    """What a decoder must know before the first slice. Equal sets need no new init segment."""

    sps: tuple[bytes, ...]
    pps: tuple[bytes, ...]

    @property
    def complete(self) -> bool:
        return bool(self.sps and self.pps)


def split_annex_b(data: bytes) -> list[bytes]:
    """NAL units of a byte stream, start codes and trailing zeros off (ISO 14496-10 annex B)."""
    starts = [match.end() for match in _START.finditer(data)]
    if not starts:
        return []
    ends = [start - 3 for start in starts[1:]] + [len(data)]
    units = (data[start:end].rstrip(b"\x00") for start, end in zip(starts, ends, strict=True))
    return [unit for unit in units if unit]


def parameter_sets(units: Iterable[bytes]) -> ParameterSets:
    """The different SPS and PPS among the units, in order."""
    kinds = {SPS: dict[bytes, None](), PPS: dict[bytes, None]()}
    for unit in units:
        if unit[0] & 0x1F in kinds:
            kinds[unit[0] & 0x1F][unit] = None
    return ParameterSets(tuple(kinds[SPS]), tuple(kinds[PPS]))


def to_sample(units: Iterable[bytes]) -> bytes:
    """An MP4 sample: units with 4-byte lengths. Parameter sets live in the avcC; delimiters and filler are waste."""
    kept = (unit for unit in units if unit[0] & 0x1F not in (SPS, PPS, AUD, FILLER))
    return b"".join(len(unit).to_bytes(4, "big") + unit for unit in kept)


def avcc(sets: ParameterSets) -> bytes:
    """The AVCDecoderConfigurationRecord of these parameter sets."""
    first = sets.sps[0]
    record = bytearray((1, first[1], first[2], first[3], 0xFF, 0xE0 | len(sets.sps)))
    for sps in sets.sps:
        record += len(sps).to_bytes(2, "big") + sps
    record.append(len(sets.pps))
    for pps in sets.pps:
        record += len(pps).to_bytes(2, "big") + pps
    if first[1] in (100, 110, 122, 144):
        reader = _sps_reader(first)
        chroma, luma_depth, chroma_depth = _read_profile(reader, first[1])
        record += bytes((0xFC | chroma, 0xF8 | luma_depth, 0xF8 | chroma_depth, 0))
    return bytes(record)


def picture_size(sps: bytes) -> Picture:
    """Size from an SPS (ISO 14496-10 §7.3.2.1.1). ValueError when it cannot be read."""
    try:
        return _read_size(_sps_reader(sps), sps[1])
    except IndexError as error:
        raise ValueError("the SPS is cut off") from error


def usable(sets: ParameterSets) -> bool:
    """Whether an init segment can be made of them. They come from a sender, who may be broken or hostile."""
    if not sets.complete or len(sets.sps) > _MAX_SETS or len(sets.pps) > _MAX_SETS:
        return False
    if max(map(len, sets.sps + sets.pps)) > _MAX_SET_BYTES:
        return False
    try:
        return max(picture_size(sets.sps[0])) <= MAX_SIDE
    except ValueError:
        return False


class _BitReader:
    """Exp-Golomb reader over an RBSP."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._position = 0

    def bits(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._position >> 3] >> (7 - (self._position & 7)) & 1
            self._position += 1
        return value

    def unsigned(self) -> int:
        zeros = 0
        while not self.bits(1):
            zeros += 1
            if zeros > 32:
                raise ValueError("bad Exp-Golomb code")
        return (1 << zeros) - 1 + self.bits(zeros)

    def signed(self) -> int:
        code = self.unsigned()
        return (code + 1) // 2 if code & 1 else -(code // 2)


def _sps_reader(sps: bytes) -> _BitReader:
    reader = _BitReader(sps[4:].replace(b"\x00\x00\x03", b"\x00\x00"))
    reader.unsigned()  # seq_parameter_set_id
    return reader


def _read_profile(reader: _BitReader, profile: int) -> tuple[int, int, int]:
    """chroma_format_idc and the two bit depths minus 8; the reader stands behind the scaling lists."""
    if profile not in _HIGH_PROFILES:
        return 1, 0, 0
    chroma = reader.unsigned()
    if chroma == 3:
        reader.bits(1)
    luma_depth, chroma_depth = reader.unsigned(), reader.unsigned()
    reader.bits(1)
    if reader.bits(1):
        for index in range(12 if chroma == 3 else 8):
            if reader.bits(1):
                _skip_scaling_list(reader, 16 if index < 6 else 64)
    return chroma, luma_depth, chroma_depth


def _skip_scaling_list(reader: _BitReader, size: int) -> None:
    last = following = 8
    for _ in range(size):
        if following:
            following = (last + reader.signed()) % 256
        last = following or last


def _read_size(reader: _BitReader, profile: int) -> Picture:
    chroma, _, _ = _read_profile(reader, profile)
    reader.unsigned()  # log2_max_frame_num_minus4
    order = reader.unsigned()
    if order == 0:
        reader.unsigned()
    elif order == 1:
        reader.bits(1)
        reader.signed()
        reader.signed()
        for _ in range(reader.unsigned()):
            reader.signed()
    reader.unsigned()  # max_num_ref_frames
    reader.bits(1)
    width_mbs, height_units = reader.unsigned() + 1, reader.unsigned() + 1
    frames_only = reader.bits(1)
    if not frames_only:
        reader.bits(1)
    reader.bits(1)
    crop = [reader.unsigned() for _ in range(4)] if reader.bits(1) else [0, 0, 0, 0]
    unit_x = 1 if chroma in (0, 3) else 2
    unit_y = (2 if chroma == 1 else 1) * (2 - frames_only)
    width = width_mbs * 16 - (crop[0] + crop[1]) * unit_x
    height = height_units * 16 * (2 - frames_only) - (crop[2] + crop[3]) * unit_y
    if width <= 0 or height <= 0:
        raise ValueError("an SPS with an empty picture")
    return Picture(width, height)

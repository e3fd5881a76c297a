"""Where an H.264 keyframe begins and how high it is, read from RTP payloads (RFC 6184 §5). Any bytes give an answer."""

from __future__ import annotations

_IDR, _SPS = 5, 7
_STAP_A, _FU_A = 24, 28
_HIGH_PROFILES = frozenset((100, 110, 122, 244, 44, 83, 86, 118, 128, 138, 139, 134, 135))


def carries_parameters(payload: bytes, offset: int = 0) -> bool:
    """Whether the packet holds a sequence parameter set, with which browsers begin every keyframe."""
    if offset >= len(payload):
        return False
    unit = payload[offset] & 0x1F
    return unit == _SPS or (unit == _STAP_A and _aggregates(payload, offset + 1, _SPS))


def starts_idr(payload: bytes, offset: int = 0) -> bool:
    """Whether the packet holds the beginning of an IDR picture's slice."""
    if offset >= len(payload):
        return False
    unit = payload[offset] & 0x1F
    if unit == _STAP_A:
        return _aggregates(payload, offset + 1, _IDR)
    if unit == _FU_A:
        return offset + 1 < len(payload) and payload[offset + 1] & 0x80 != 0 and payload[offset + 1] & 0x1F == _IDR
    return unit == _IDR


def height(payload: bytes, offset: int = 0) -> int:
    """Of the pictures that the packet's sequence parameter set announces; 0 where there is none to be read."""
    found = _parameter_set(payload, offset)
    if found is None:
        return 0
    try:
        return _read_height(_Bits(found.replace(b"\0\0\3", b"\0\0")))
    except IndexError:
        return 0


def _parameter_set(payload: bytes, offset: int) -> bytes | None:
    size = len(payload)
    if offset < size and payload[offset] & 0x1F == _SPS:
        return payload[offset + 1 :]
    if offset >= size or payload[offset] & 0x1F != _STAP_A:
        return None
    offset += 1
    while offset + 2 < size:
        length = payload[offset] << 8 | payload[offset + 1]
        if payload[offset + 2] & 0x1F == _SPS:
            return payload[offset + 3 : offset + 2 + length]
        offset += 2 + length
    return None


class _Bits:
    """Reads a sequence parameter set (H.264 §7.3.2.1.1). IndexError behind its end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    def read(self, count: int) -> int:
        value = 0
        for _ in range(count):
            value = value << 1 | self._data[self._at >> 3] >> (7 - self._at % 8) & 1
            self._at += 1
        return value

    def unsigned(self) -> int:
        """Exp-Golomb (§9.1)."""
        zeros = 0
        while not self.read(1):
            zeros += 1
            if zeros > 31:
                raise IndexError
        return (1 << zeros) - 1 + self.read(zeros)


def _read_height(bits: _Bits) -> int:
    profile = bits.read(8)
    bits.read(16)  # constraints and level
    bits.unsigned()  # seq_parameter_set_id
    if profile in _HIGH_PROFILES:
        return 0  # rarely negotiated, and their scaling lists would have to be read: the height is assumed
    bits.unsigned()  # log2_max_frame_num_minus4
    order_type = bits.unsigned()
    if order_type == 0:
        bits.unsigned()
    elif order_type == 1:
        bits.read(1)
        bits.unsigned()
        bits.unsigned()
        for _ in range(min(bits.unsigned(), 255)):
            bits.unsigned()
    bits.unsigned()  # max_num_ref_frames
    bits.read(1)
    bits.unsigned()  # pic_width_in_mbs_minus1
    map_units = bits.unsigned() + 1
    frame_mbs_only = bits.read(1)
    if not frame_mbs_only:
        bits.read(1)
    bits.read(1)  # direct_8x8_inference_flag
    cropped = 0
    if bits.read(1):
        bits.unsigned()
        bits.unsigned()
        cropped = bits.unsigned() + bits.unsigned()
    unit = 2 * (2 - frame_mbs_only)  # of cropping, in 4:2:0
    return max(0, (2 - frame_mbs_only) * map_units * 16 - cropped * unit) & 0xFFFF


def _aggregates(payload: bytes, offset: int, wanted: int) -> bool:
    size = len(payload)
    while offset + 2 < size:
        if payload[offset + 2] & 0x1F == wanted:
            return True
        offset += 2 + (payload[offset] << 8 | payload[offset + 1])
    return False

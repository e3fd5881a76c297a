"""What is fuzzed: each target takes bytes and may raise what its callers catch, nothing else. No target keeps state.

The corpus of a target is the folder of its name in ``tests/fixtures/fuzz``; that of ``sdp`` is ``tests/fixtures/sdp``.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from media.bwe import feedback
from media.bwe.transport_cc import MAX_MESSAGES, TransportCcFeedback
from media.errors import MediaError
from media.ice import stun
from media.ice.framing import Deframer
from media.links.wire import FrameReader
from media.publication import Publication
from media.rtp import h264, header, red, rtcp, vp8
from media.sdp.answer import LocalParameters, SlotSources, write_answer
from media.sdp.negotiation import negotiate
from media.sdp.offer import parse_offer
from media.stats import Counters
from media.uplink import Uplink
from tests.fuzz.mutation import mutate, mutate_lines

REPAIRED = 0.5
FIXTURES = Path(__file__).resolve().parents[1] / "fixtures"
LOCAL = LocalParameters("ufrag", "password", "AA:BB", "passive", (("192.0.2.1", 4000),), 1, 1, (("192.0.2.1", 4000),))
OFFER = parse_offer((FIXTURES / "sdp" / "chromium-simulcast.sdp").read_bytes().decode())


@dataclass(frozen=True, slots=True)
class Target:
    name: str
    run: Callable[[bytes], None]
    folder: str = ""
    may_raise: tuple[type[Exception], ...] = (ValueError,)
    max_size: int = 1500
    repair: Callable[[bytes], bytes] | None = None  # makes lengths fit again, so that what lies behind is reached
    is_text: bool = False

    def mutate(self, source: random.Random, corpus: Sequence[bytes]) -> bytes:
        """A wrong input made of a right one."""
        change = mutate_lines if self.is_text else mutate
        data = change(source, source.choice(corpus), corpus, self.max_size)
        return self.repair(data) if self.repair is not None and source.random() < REPAIRED else data

    def corpus(self) -> list[bytes]:
        """The seeds, in the order of their names."""
        found = [path.read_bytes() for path in sorted((FIXTURES / (self.folder or f"fuzz/{self.name}")).glob("*.*"))]
        return found or [b""]


def _fit_stun(data: bytes) -> bytes:
    data = data[: max(20, len(data) // 4 * 4)].ljust(20, b"\0")
    return b"\0\1" + (len(data) - 20).to_bytes(2, "big") + stun.MAGIC + data[8:]


def _fit_rtcp(data: bytes) -> bytes:
    """One packet with the length that it has."""
    data = data[: len(data) // 4 * 4].ljust(4, b"\0")
    return bytes((0x80 | data[0] & 0x1F,)) + data[1:2] + (len(data) // 4 - 1).to_bytes(2, "big") + data[4:]


def _stun(data: bytes) -> None:
    request = stun.parse_request(data)
    stun.is_authentic(data, request, b"password")
    stun.binding_response(request.transaction_id, ("192.0.2.1", 1), b"password")
    stun.role_conflict(request.transaction_id, b"password")
    answer = b"\x01\x01" + data[2:]
    stun.is_authentic(answer, stun.parse_success(answer), b"password")


def _rtp(data: bytes) -> None:
    offset = header.payload_offset(data)
    for _, start, length in header.extensions(data):
        assert header.FIXED_SIZE < start <= start + length <= offset, "an extension lies within the header"
    stripped = header.strip(data, offset)
    assert len(stripped) == len(data) - offset + header.FIXED_SIZE
    assert header.unwrap_rtx(header.wrap_rtx(stripped, 97, 2, 5), 12, 96, 1)[2:4] == stripped[2:4]
    header.unwrap_rtx(data, offset, 96, 1)


def _extensions(data: bytes) -> None:
    """The bytes are the extension block itself, in both forms."""
    data = data[: len(data) // 4 * 4]
    for profile in (b"\xbe\xde", b"\x10\x00", b"\x10\x0f"):
        _rtp_extensions(b"\x90\x60" + bytes(10) + profile + (len(data) // 4).to_bytes(2, "big") + data + b"payload")


def _rtp_extensions(packet: bytes) -> None:
    offset = header.payload_offset(packet)
    assert packet[offset:] == b"payload"
    end = header.FIXED_SIZE + 4
    for _, start, length in header.extensions(packet):
        assert end < start + 1, "extensions do not overlap"
        end = start + length
    assert end <= offset


def _rtcp(data: bytes) -> None:
    for part in rtcp.parts(data):
        if part.type in (rtcp.SR, rtcp.RR):
            if part.type == rtcp.SR:
                rtcp.read_sender_report(data, part)
            assert len(list(rtcp.read_report_blocks(data, part))) <= 31
        elif part.type in (rtcp.RTPFB, rtcp.PSFB):
            rtcp.read_media_ssrc(data, part)
            assert len(rtcp.read_nack(data, part)) <= 64
            rtcp.read_fir_ssrcs(data, part)
            if part.format == rtcp.FMT_TRANSPORT_CC:
                _check_feedback(feedback.read(data, part.start, part.end))


def _transport_cc(data: bytes) -> None:
    """The bytes are the body of a feedback message."""
    _check_feedback(feedback.read(data, 0, len(data)))


def _check_feedback(found: feedback.Feedback) -> None:
    assert len(found.numbers) == len(found.arrivals_us) <= 1500
    assert all(0 <= number <= 0xFFFF for number in found.numbers)


def _transport_cc_writer(data: bytes) -> None:
    """The bytes are arrivals: number and time. What is written of them must be readable."""
    writer = TransportCcFeedback(1)
    arrival = 0
    for at in range(0, len(data) - 3, 4):
        arrival += int.from_bytes(data[at + 2 : at + 4], "big") * 16
        writer.receive(int.from_bytes(data[at : at + 2], "big"), arrival)
    messages = writer.build(7)
    assert len(messages) <= MAX_MESSAGES
    for message in messages:
        (part,) = rtcp.parts(message)
        _check_feedback(feedback.read(message, part.start, part.end))


def _h264(data: bytes) -> None:
    for offset in (0, 12):
        h264.carries_parameters(data, offset)
        h264.starts_idr(data, offset)
        assert 0 <= h264.height(data, offset) <= 0xFFFF


def _vp8(data: bytes) -> None:
    for offset in (0, 12):
        found = vp8.parse(data, offset)
        assert -1 <= found.picture_id <= 0x7FFF
        assert 0 <= vp8.height(data, offset) <= 0x3FFF
        moved = vp8.shift(data, offset, 5, 3)
        assert len(moved) == len(data)
        if found.picture_id >= 0:
            width = 0x7FFF if found.long_picture_id else 0x7F
            assert vp8.parse(moved, offset).picture_id == (found.picture_id + 5) & width


def _red(data: bytes) -> None:
    """The bytes are the payload."""
    packet = rtp_header(63) + data
    found = red.primary(packet, header.FIXED_SIZE, 111)
    if found is not None:
        assert header.FIXED_SIZE < len(found) < len(packet), "something is left, and less than came"
        assert found[1] & 0x7F == 111
        assert packet.endswith(found[header.FIXED_SIZE :])


def rtp_header(payload_type: int) -> bytes:
    return b"\x80" + bytes((payload_type,)) + bytes(10)


def _link_frames(data: bytes) -> None:
    """However the stream between workers is cut, the same comes out."""
    expected = list(FrameReader().feed(data))
    reader = FrameReader()
    step = 1 + data[0] % 64 if data else 1
    found = [item for at in range(0, len(data), step) for item in reader.feed(data[at : at + step])]
    assert found == expected


def _sdp(data: bytes) -> None:
    offer = parse_offer(data.decode("utf-8", "replace"))
    media = negotiate(offer)
    slots = {item.mid: SlotSources(1, 2) for item in media if item.is_slot}
    answer = write_answer(media, LOCAL, slots, offer.bundle is not None)
    lines = answer.split("\r\n")
    assert sum(line.startswith("m=") for line in lines) == len(offer.media), "as many lines as were offered"
    assert not any("\n" in line or "\r" in line for line in lines), "nothing is smuggled into the answer"


def _framing(data: bytes) -> None:
    """However the stream is cut, the same comes out."""
    whole, parts = Deframer(), Deframer()
    step = 1 + data[0] % 64 if data else 1
    expected = whole.feed(data)
    found = [frame for at in range(0, len(data), step) for frame in parts.feed(data[at : at + step])]
    assert found == expected


def _uplink(data: bytes) -> None:
    """Decrypted RTP packets of an authenticated client: two bytes of length before each."""
    transport: Any = SimpleNamespace(counters=Counters(), send_rtcp=lambda _packet: None)
    forwarder: Any = SimpleNamespace(handle_pending=lambda _pending: None)
    room: Any = SimpleNamespace(
        handle_packet=_ignore, handle_track=_ignore, handle_level=_ignore, handle_sender_report=_ignore
    )
    uplink = Uplink(transport, room)

    def publication(source: Any) -> Publication:
        made = Publication("a", source, forwarder)
        made.is_granted = True
        return made

    uplink.configure(negotiate(OFFER), publication)
    now = 1.0
    for packet in Deframer().feed(data):
        now += 0.01
        try:
            uplink.receive(packet, now)
        except ValueError:
            continue
    uplink.send_feedback()
    uplink.ask_again(now)
    uplink.send_reports(now)


def _ignore(*_arguments: object) -> None:
    return None


TARGETS = {
    target.name: target
    for target in (
        Target("stun", _stun, max_size=600, repair=_fit_stun),
        Target("rtp", _rtp),
        Target("extensions", _extensions, max_size=256),
        Target("rtcp", _rtcp, repair=_fit_rtcp),
        Target("transport_cc", _transport_cc),
        Target("transport_cc_writer", _transport_cc_writer, max_size=240),
        Target("h264", _h264),
        Target("vp8", _vp8),
        Target("red", _red),
        Target("link_frames", _link_frames),
        Target("sdp", _sdp, folder="sdp", may_raise=(ValueError, MediaError), max_size=70_000, is_text=True),
        Target("framing", _framing),
        Target("uplink", _uplink, max_size=3000),
    )
}

"""Which packet belongs to which source, and what is dropped."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from media.bwe import feedback
from media.bwe.clumps import TICKS_PER_S, WRAP
from media.clock import ntp_from_utc_us
from media.control import Source
from media.publication import Publication
from media.rtp import rtcp
from media.rtp.header import wrap_rtx
from media.sdp.negotiation import negotiate
from media.sdp.offer import parse_offer
from media.stats import Counters
from media.track import Track
from media.uplink import MAX_SOURCES, Uplink
from tests.unit.media.conftest import read_offer, rtp


class Heard:
    """Stands for the room: remembers what it was told."""

    def __init__(self) -> None:
        self.packets: list[tuple[str, int]] = []
        self.levels: list[int] = []
        self.reports: list[int] = []
        self.tracks: list[Track] = []

    def handle_packet(self, track: Track, packet: bytes) -> None:
        self.packets.append((track.publication.source, int.from_bytes(packet[2:4], "big")))

    def handle_track(self, track: Track) -> None:
        self.tracks.append(track)

    def handle_level(self, track: Track, level: int, now: float) -> None:
        self.levels.append(level)

    def handle_sender_report(self, track: Track) -> None:
        assert track.report is not None
        self.reports.append(track.report[0])


class Scene:
    def __init__(self, offer: str = "chromium") -> None:
        self.sent: list[bytes] = []
        self.counters = Counters()
        transport: Any = SimpleNamespace(counters=self.counters, send_rtcp=self.sent.append)
        self.heard = Heard()
        self.uplink = Uplink(transport, self.heard)
        self.media = negotiate(parse_offer(read_offer(offer)))
        self.publications: dict[Source, Publication] = {}
        self.uplink.configure(self.media, self._publication)

    def _publication(self, source: Source) -> Publication:
        forwarder: Any = SimpleNamespace(handle_pending=lambda _layer: None)
        made = self.publications[source] = Publication("a", source, forwarder)
        made.is_granted = True
        return made

    def receive(self, packet: bytes, now: float = 1.0) -> None:
        self.uplink.receive(packet, now)


def with_extensions(packet: bytes, *items: tuple[int, bytes]) -> bytes:
    body = b"".join(bytes((id_ << 4 | len(value) - 1,)) + value for id_, value in items)
    body += bytes(-len(body) % 4)
    return (
        bytes((packet[0] | 0x10,))
        + packet[1:12]
        + b"\xbe\xde"
        + (len(body) // 4).to_bytes(2, "big")
        + body
        + packet[12:]
    )


@pytest.fixture
def scene() -> Scene:
    return Scene()


def test_by_declared_ssrc(scene: Scene) -> None:
    ssrc = scene.media[0].ssrcs[0]
    scene.receive(rtp(1, ssrc=ssrc, payload_type=111))
    assert scene.heard.packets == [("microphone", 1)]


def test_by_mid_of_an_unknown_ssrc(scene: Scene) -> None:
    scene.receive(with_extensions(rtp(1, ssrc=77, payload_type=108), (4, b"2")))
    scene.receive(rtp(2, ssrc=77, payload_type=108))
    assert scene.heard.packets == [("screen", 1), ("screen", 2)]


def test_an_ambiguous_payload_type_is_not_guessed(scene: Scene) -> None:
    scene.receive(rtp(1, ssrc=77, payload_type=108))
    scene.receive(with_extensions(rtp(1, ssrc=78, payload_type=108), (4, b"no such mid")))
    assert scene.heard.packets == []
    assert scene.counters["drop_unknown_ssrc"] == 2


def test_payload_types_that_were_not_negotiated(scene: Scene) -> None:
    scene.receive(with_extensions(rtp(1, ssrc=77, payload_type=45), (4, b"1")))
    assert scene.heard.packets == []
    assert scene.counters["drop_payload_type"] == 1


def test_without_a_grant(scene: Scene) -> None:
    scene.publications["camera"].is_granted = False
    scene.receive(with_extensions(rtp(1, ssrc=77, payload_type=108), (4, b"1")))
    assert scene.heard.tracks == []
    assert scene.counters["drop_not_granted"] == 1


def test_resends_fill_holes_and_probes_are_ignored(scene: Scene) -> None:
    ssrc = scene.media[1].ssrcs[0]
    rtx_ssrc = scene.media[1].rtx_ssrcs[ssrc]
    rtx_type = scene.media[1].codecs[0].rtx_payload_type
    assert rtx_type is not None
    for number in (1, 3):
        scene.receive(rtp(number, ssrc=ssrc, payload_type=108))
    lost = rtp(2, ssrc=ssrc, payload_type=108)
    scene.receive(wrap_rtx(lost, rtx_type, rtx_ssrc, 1))
    scene.receive(wrap_rtx(lost, rtx_type, rtx_ssrc, 2))
    scene.receive(rtp(3, ssrc=rtx_ssrc, payload_type=rtx_type, payload=b""))
    scene.receive(bytes((0xA0,)) + rtp(3, ssrc=rtx_ssrc, payload_type=rtx_type, payload=b"\0\0\0\4")[1:])
    assert scene.heard.packets == [("camera", 1), ("camera", 3), ("camera", 2)]
    assert scene.counters["recovered"] == 1
    assert scene.counters["padding_in"] == 2


def test_a_browser_is_asked_for_a_keyframe_twice(scene: Scene) -> None:
    """A request may be lost; of two within 300 ms libwebrtc answers one."""
    ssrc = scene.media[1].ssrcs[0]
    scene.receive(rtp(1, 900, ssrc, b"\x61picture", 108))
    layer = scene.publications["camera"].layers[0]
    for now, sent in ((5.0, 1), (5.01, 1), (5.05, 2), (5.1, 2)):
        layer.request_keyframe(now) if now == 5.0 else scene.uplink.ask_again(now)
        assert len(scene.sent) == sent
    layer.request_keyframe(6.0)
    scene.receive(rtp(2, 1800, ssrc, b"\x67parameters", 108))
    scene.uplink.ask_again(6.05)
    assert len(scene.sent) == 3, "it has come meanwhile"


def test_levels_and_transport_cc(scene: Scene) -> None:
    ssrc = scene.media[0].ssrcs[0]
    for number in range(3):
        packet = rtp(number, ssrc=ssrc, payload_type=111)
        scene.receive(with_extensions(packet, (1, b"\x9e"), (3, number.to_bytes(2, "big"))), 1 + number / 100)
    assert scene.heard.levels == [30, 30, 30]
    scene.uplink.send_feedback()
    (message,) = scene.sent
    (part,) = rtcp.parts(message)
    assert part.format == rtcp.FMT_TRANSPORT_CC
    scene.uplink.send_feedback()
    assert len(scene.sent) == 1, "nothing new"


def test_receiver_reports_cover_every_track(scene: Scene) -> None:
    scene.uplink.send_reports(1.0)
    assert scene.sent == []
    for line in (0, 1):
        media = scene.media[line]
        scene.receive(rtp(1, ssrc=media.ssrcs[0], payload_type=media.codecs[0].payload_type))
    scene.uplink.send_reports(1.0)
    (part,) = rtcp.parts(scene.sent[0])
    assert {block.ssrc for block in rtcp.read_report_blocks(scene.sent[0], part)} == {
        scene.media[0].ssrcs[0],
        scene.media[1].ssrcs[0],
    }


def test_all_tracks_of_a_sender_get_one_clock(scene: Scene) -> None:
    for line in (0, 1):
        media = scene.media[line]
        scene.receive(rtp(1, ssrc=media.ssrcs[0], payload_type=media.codecs[0].payload_type))
    utc_us = 1_700_000_000_000_000
    for line, ntp in ((0, 5 << 32), (1, 6 << 32)):
        report = rtcp.SenderReport(scene.media[line].ssrcs[0], ntp, 0, 0, 0)
        scene.uplink.handle_sender_report(report, utc_us + line * 900_000, 1.0)
    first, second = scene.heard.reports
    assert first == ntp_from_utc_us(utc_us)
    assert second - first == 1 << 32, "their distance is the sender's own"
    scene.uplink.handle_sender_report(rtcp.SenderReport(424242, 0, 0, 0, 0), utc_us, 1.0)
    assert len(scene.heard.reports) == 2


def test_a_new_ssrc_is_a_new_track(scene: Scene) -> None:
    for ssrc in (77, 78):
        scene.receive(with_extensions(rtp(1, ssrc=ssrc, payload_type=108), (4, b"1")))
    assert [track.ssrc for track in scene.heard.tracks] == [77, 78]
    assert scene.publications["camera"].track is scene.heard.tracks[1]


def test_ssrcs_that_alternate_are_not_followed(scene: Scene) -> None:
    for number in range(1000):
        packet = rtp(number, ssrc=77 + number % 2, payload_type=108)
        scene.receive(with_extensions(packet, (4, b"1")), 1 + number / 1000)
    assert len(scene.heard.tracks) <= 3
    assert scene.counters["drop_other_source"] > 400


def test_a_grant_that_comes_back_begins_a_new_track(scene: Scene) -> None:
    """Nothing that was sent without a grant is asked for afterwards."""
    scene.receive(camera_packet(scene, 100, 0))
    scene.publications["camera"].is_granted = False
    scene.receive(camera_packet(scene, 101, 0))
    scene.publications["camera"].is_granted = True
    scene.receive(camera_packet(scene, 104, 0))
    scene.uplink.ask_again(2.0)
    assert len(scene.heard.tracks) == 2
    assert scene.counters["nack_out"] == 0


def camera_packet(scene: Scene, sequence: int, codec: int, payload: bytes = b"payload") -> bytes:
    media = scene.media[1]
    return rtp(sequence, ssrc=media.ssrcs[0], payload_type=media.codecs[codec].payload_type, payload=payload)


def test_another_codec_on_the_same_ssrc_is_a_new_track(scene: Scene) -> None:
    scene.receive(camera_packet(scene, 100, 0), 1.0)
    scene.receive(camera_packet(scene, 101, 1), 5.0)
    scene.receive(camera_packet(scene, 102, 1), 5.0)
    scene.receive(camera_packet(scene, 103, 0), 9.0)
    assert [track.codec.name for track in scene.heard.tracks] == ["H264", "VP8", "H264"]
    assert len({track.ssrc for track in scene.heard.tracks}) == 1
    assert scene.publications["camera"].codec == "H264"
    assert [number for _, number in scene.heard.packets] == [100, 101, 102, 103]


def test_late_packets_and_resends_of_the_former_codec_are_dropped(scene: Scene) -> None:
    media = scene.media[1]
    former, present = media.codecs
    assert former.rtx_payload_type is not None
    scene.receive(camera_packet(scene, 100, 0), 1.0)
    scene.receive(camera_packet(scene, 103, 1), 5.0)
    scene.receive(camera_packet(scene, 102, 0), 9.0)
    lost = camera_packet(scene, 101, 0)
    scene.receive(wrap_rtx(lost, former.rtx_payload_type, media.rtx_ssrcs[media.ssrcs[0]], 1), 9.0)
    assert [number for _, number in scene.heard.packets] == [100, 103]
    assert [track.codec for track in scene.heard.tracks] == [former, present]
    assert scene.counters["drop_other_source"] == 2


def test_a_codec_that_changes_with_every_packet_is_not_followed(scene: Scene) -> None:
    for sequence in range(1000):
        scene.receive(camera_packet(scene, sequence, sequence % 2), 5.0 + sequence / 1000)
    assert len(scene.heard.tracks) <= 3
    assert scene.counters["drop_other_source"] > 400


def test_layers_are_told_by_their_rid() -> None:
    scene = Scene("chromium-simulcast")
    for ssrc, rid in ((71, b"q"), (72, b"h"), (73, b"f"), (74, b"x")):
        scene.receive(rtp(1, ssrc=ssrc, payload_type=108))
        scene.receive(with_extensions(rtp(2, ssrc=ssrc, payload_type=108), (4, b"1"), (10, rid)))
        scene.receive(rtp(3, ssrc=ssrc, payload_type=108))
    assert scene.heard.packets == [("camera", 2), ("camera", 3)] * 3
    assert [(track.layer.rid, track.ssrc) for track in scene.heard.tracks] == [("q", 71), ("h", 72), ("f", 73)]
    assert scene.publications["camera"].layers == tuple(track.layer for track in scene.heard.tracks)
    assert scene.counters["drop_unknown_ssrc"] == 4 + 2


def test_resends_find_their_layer_by_the_repaired_rid() -> None:
    scene = Scene("chromium-simulcast")
    rtx_type = scene.media[1].codecs[0].rtx_payload_type
    assert rtx_type is not None
    for ssrc, rid in ((71, b"q"), (73, b"f")):
        for number in (1, 3):
            scene.receive(with_extensions(rtp(number, ssrc=ssrc, payload_type=108), (4, b"1"), (10, rid)))
    resend = wrap_rtx(rtp(2, ssrc=73, payload_type=108), rtx_type, 83, 1)
    scene.receive(with_extensions(resend, (4, b"1"), (11, b"f")))
    top = scene.publications["camera"].layers[2]
    assert top.track is not None
    recovered = top.track.cache.get(2)
    assert recovered is not None
    assert recovered[8:12] == (73).to_bytes(4, "big")
    assert scene.counters["recovered"] == 1


def test_what_is_above_the_cap_is_dropped(scene: Scene) -> None:
    """A camera may send 6 Mbit/s for a while, and no more."""
    for number in range(4000):
        packet = rtp(number, ssrc=scene.media[1].ssrcs[0], payload_type=108, payload=bytes(1200))
        scene.receive(packet, 1.0 + number / 2000)
    dropped = scene.counters["drop_bitrate"]
    assert 4000 - 2000 < dropped < 4000 - 1500
    scene.receive(rtp(4001, ssrc=scene.media[0].ssrcs[0], payload_type=111), 3.0)
    assert scene.heard.packets[-1] == ("microphone", 4001), "its voice has a cap of its own"


def test_sources_are_bounded(scene: Scene) -> None:
    for ssrc in range(2 * MAX_SOURCES):
        scene.receive(with_extensions(rtp(1, ssrc=ssrc, payload_type=108), (4, b"1")))
    assert len(scene.uplink._by_ssrc) == MAX_SOURCES


def test_malformed_packets_raise_value_error(scene: Scene) -> None:
    with pytest.raises(ValueError, match="RTP"):
        scene.receive(b"\x80")


@pytest.mark.parametrize("has_stamps", [True, False])
def test_what_a_radio_held_back_is_reported_as_it_was_sent(scene: Scene, has_stamps: bool) -> None:
    spread: list[float] = []
    for number in range(200):
        sent_s, stamp = number * 0.02, int((60 + number * 0.02) * TICKS_PER_S) % WRAP
        extensions = [(3, number.to_bytes(2, "big")), (4, b"1")]
        if has_stamps:
            extensions.append((2, stamp.to_bytes(3, "big")))
        arrival_s = 10.1 + (number // 5) * 0.1  # five at a time
        scene.receive(with_extensions(rtp(number, ssrc=77, payload_type=108), *extensions), arrival_s)
        if number % 5 == 4:
            scene.uplink.send_feedback()
            message = scene.sent.pop()
            found = feedback.read(message, 4, len(message))
            spread.append((found.arrivals_us[-1] - found.arrivals_us[0]) / 1_000_000)
            assert abs(found.arrivals_us[-1] / 1_000_000 % 16 - (10 + sent_s) % 16) < 0.2
    assert all(abs(one - (0.08 if has_stamps else 0.0)) < 0.002 for one in spread[10:])

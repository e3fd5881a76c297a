"""What the load generator puts on the wire, read back by other implementations or by the letter of the document."""

from __future__ import annotations

import struct

import pytest
from aioice import stun as aioice_stun
from aiortc.rtp import RtcpPacket, RtcpRrPacket, RtcpRtpfbPacket, RtcpSdesPacket, RtcpSrPacket

from tests.bench import rtcp, stun
from tests.bench.offer import TRANSPORT_CC, LocalSecrets, SendingSsrcs, build_answer, build_offer, parse_answer

TRANSACTION = bytes(range(12))


def test_a_check_is_read_and_verified_by_another_stun_implementation() -> None:
    data = stun.binding_request(TRANSACTION, "them:me", "their password", b"12345678")
    message = aioice_stun.parse_message(data)
    assert message.check_message_integrity(b"their password")
    assert message.message_class == aioice_stun.Class.REQUEST
    assert message.attributes["USERNAME"] == "them:me"
    assert "USE-CANDIDATE" in message.attributes
    assert "FINGERPRINT" in message.attributes


def _answered(password: bytes, transaction: bytes = TRANSACTION) -> bytes:
    response = aioice_stun.Message(
        message_method=aioice_stun.Method.BINDING,
        message_class=aioice_stun.Class.RESPONSE,
        transaction_id=transaction,
    )
    response.attributes["XOR-MAPPED-ADDRESS"] = ("127.0.0.1", 4000)
    response.add_message_integrity(password)
    return bytes(response)


def test_only_the_authenticated_answer_to_this_check_counts() -> None:
    assert stun.is_success(_answered(b"secret"), TRANSACTION, "secret")
    assert not stun.is_success(_answered(b"wrong"), TRANSACTION, "secret")
    assert not stun.is_success(_answered(b"secret", bytes(12)), TRANSACTION, "secret")
    assert not stun.is_success(_answered(b"secret")[:-30], TRANSACTION, "secret")
    assert not stun.is_success(b"\x01\x01", TRANSACTION, "secret")


def test_a_check_of_the_server_is_answered() -> None:
    request = aioice_stun.Message(
        message_method=aioice_stun.Method.BINDING,
        message_class=aioice_stun.Class.REQUEST,
        transaction_id=TRANSACTION,
    )
    request.attributes["USERNAME"] = "me:them"
    request.add_message_integrity(b"my password")
    answer = stun.binding_success(bytes(request), ("192.0.2.1", 4000), "my password")
    assert answer is not None
    message = aioice_stun.parse_message(answer)
    assert message.check_message_integrity(b"my password")
    assert message.message_class == aioice_stun.Class.RESPONSE
    assert message.attributes["XOR-MAPPED-ADDRESS"] == ("192.0.2.1", 4000)
    assert stun.binding_success(bytes(request), ("192.0.2.1", 4000), "another") is None
    assert stun.binding_success(answer, ("192.0.2.1", 4000), "my password") is None


def test_a_receiver_report_is_read_by_another_rtcp_implementation() -> None:
    blocks = [rtcp.ReportBlock(7, 12, 3, 70000), rtcp.ReportBlock(8, 0, 0, 9)]
    report, description = RtcpPacket.parse(rtcp.receiver_report(5, blocks))
    assert isinstance(report, RtcpRrPacket)
    assert [(r.ssrc, r.fraction_lost, r.packets_lost, r.highest_sequence) for r in report.reports] == [
        (7, 12, 3, 70000),
        (8, 0, 0, 9),
    ]
    assert isinstance(description, RtcpSdesPacket)


def test_a_sender_report_is_read_by_another_rtcp_implementation() -> None:
    (report,) = RtcpPacket.parse(rtcp.sender_report(5, 6 << 32 | 7, 8, 9, 10))
    assert isinstance(report, RtcpSrPacket)
    assert (report.ssrc, report.sender_info.ntp_timestamp, report.sender_info.packet_count) == (5, 6 << 32 | 7, 9)


def test_a_nack_is_read_by_another_rtcp_implementation() -> None:
    (nack,) = RtcpPacket.parse(rtcp.generic_nack(5, 9, [3, 65535]))
    assert isinstance(nack, RtcpRtpfbPacket)
    assert (nack.fmt, nack.media_ssrc, nack.lost) == (rtcp.FMT_NACK, 9, [3, 65535])


def _read_feedback(packet: bytes) -> tuple[int, dict[int, int]]:
    """Feedback count and arrivals (sequence → µs), by the letter of draft-holmer-rmcat-transport-wide-cc §3.1."""
    words, base, count, reference = struct.unpack_from("!H8xHHI", packet, 2)
    assert len(packet) == 4 * (words + 1)
    statuses: list[int] = []
    offset = 20
    while len(statuses) < count:
        (chunk,) = struct.unpack_from("!H", packet, offset)
        offset += 2
        assert chunk >> 15 == 0  # run length
        statuses += [chunk >> 13 & 3] * (chunk & 0x1FFF)
    assert len(statuses) == count
    arrivals = {}
    time_us = (reference >> 8) * 64000
    for index, status in enumerate(statuses):
        if status == 1:
            time_us += packet[offset] * 250
            offset += 1
        elif status == 2:
            time_us += struct.unpack_from("!h", packet, offset)[0] * 250
            offset += 2
        if status:
            arrivals[(base + index) & 0xFFFF] = time_us
    assert len(packet) - offset < 4
    return reference & 0xFF, arrivals


@pytest.mark.parametrize(
    "arrivals",
    [
        {10: 64_000, 11: 64_250, 12: 70_000},
        {10: 64_000, 14: 90_000, 15: 90_000},  # three never came
        {65535: 128_000, 0: 128_250, 1: 300_000},  # wraps; the last delta needs two bytes
        {4: 200_000, 3: 210_000},  # out of order
        {1: 64_000},
    ],
)
def test_transport_feedback_says_what_arrived_and_when(arrivals: dict[int, int]) -> None:
    packet = rtcp.transport_feedback(1, 2, 258, list(arrivals.items()))
    assert _read_feedback(packet) == (2, arrivals)


def test_transport_feedback_reports_what_was_lost_since_the_last_one() -> None:
    packet = rtcp.transport_feedback(1, 2, 0, [(12, 64_000), (13, 64_250)], 10)
    assert struct.unpack_from("!HH", packet, 12) == (10, 4)
    assert _read_feedback(packet) == (0, {12: 64_000, 13: 64_250})
    late = rtcp.transport_feedback(1, 2, 0, [(9, 64_000), (10, 64_250)], 10)  # overtaken by what was reported before
    assert _read_feedback(late) == (0, {9: 64_000, 10: 64_250})


def test_parts_stops_at_a_packet_that_does_not_fit() -> None:
    compound = rtcp.receiver_report(1, [])
    assert [part.packet_type for part in rtcp.parts(compound)] == [rtcp.RECEIVER_REPORT, rtcp.SOURCE_DESCRIPTION]
    assert [part.packet_type for part in rtcp.parts(compound[:-4])] == [rtcp.RECEIVER_REPORT]
    assert list(rtcp.parts(b"\x80")) == []


def test_the_offer_has_the_lines_of_the_contract_in_their_order() -> None:
    offer = build_offer(LocalSecrets("u", "p", "AA:BB"), SendingSsrcs(1, 2, 3), audio_slots=3, video_slots=2)
    lines = offer.split("\r\n")
    assert [line.split()[0] for line in lines if line.startswith("m=")] == [
        *("m=audio", "m=video", "m=video", "m=audio"),
        *("m=audio",) * 3,
        *("m=video",) * 2,
    ]
    assert [line for line in lines if line in ("a=sendonly", "a=recvonly")] == ["a=sendonly"] * 4 + ["a=recvonly"] * 5
    assert "a=group:BUNDLE 0 1 2 3 4 5 6 7 8" in lines


def test_an_answer_is_read() -> None:
    sdp = (
        "v=0\r\na=ice-lite\r\nm=video 9 UDP/TLS/RTP/SAVPF 102 103\r\na=mid:1\r\na=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\n"
        "a=fingerprint:sha-256 AA:BB\r\na=setup:passive\r\na=rtpmap:102 H264/90000\r\na=rtpmap:103 rtx/90000\r\n"
        f"a=extmap:3 {TRANSPORT_CC}\r\na=rtcp-fb:102 nack\r\na=recvonly\r\n"
        "a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n"
    )
    answer = parse_answer(sdp)
    assert (answer.ufrag, answer.password, answer.setup) == ("abcd", "efgh", "passive")
    assert answer.candidates == (("192.0.2.1", 4000),)
    (line,) = answer.media
    assert line.payload_type("h264") == 102
    assert line.extensions == {TRANSPORT_CC: 3}
    with pytest.raises(ValueError, match="no VP8"):
        line.payload_type("VP8")
    with pytest.raises(ValueError, match="candidate"):
        parse_answer(sdp.replace("typ host", "typ relay"))


def test_an_offer_of_the_server_is_answered_line_by_line() -> None:
    sdp = (
        "v=0\r\na=ice-lite\r\nm=audio 9 UDP/TLS/RTP/SAVPF 111\r\na=mid:a0\r\na=ice-ufrag:abcd\r\na=ice-pwd:efgh\r\n"
        "a=fingerprint:sha-256 AA:BB\r\na=setup:actpass\r\na=rtpmap:111 opus/48000/2\r\na=sendonly\r\n"
        f"a=extmap:7 {TRANSPORT_CC}\r\na=extmap:9 urn:of-somebody-else\r\n"
        "a=candidate:1 1 udp 2130706431 192.0.2.1 4000 typ host\r\n"
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:v1\r\na=rtpmap:96 H264/90000\r\na=rtpmap:97 rtx/90000\r\n"
        "a=fmtp:97 apt=96\r\na=rtcp-fb:96 nack\r\na=sendonly\r\n"
    )
    answer = build_answer(LocalSecrets("u", "p", "CC:DD"), parse_answer(sdp))
    lines = answer.split("\r\n")
    assert "a=group:BUNDLE a0 v1" in lines
    assert [line for line in lines if line.startswith("m=")] == [
        "m=audio 9 UDP/TLS/RTP/SAVPF 111",
        "m=video 9 UDP/TLS/RTP/SAVPF 96 97",
    ]
    assert f"a=extmap:7 {TRANSPORT_CC}" in lines
    assert not any("somebody-else" in line for line in lines)
    assert lines.count("a=recvonly") == lines.count("a=setup:active") == 2
    assert {"a=rtpmap:97 rtx/90000", "a=fmtp:97 apt=96", "a=rtcp-fb:96 nack"} <= set(lines)

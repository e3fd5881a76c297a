"""What one client may not do to the worker or to others, and what is refused."""

from __future__ import annotations

import asyncio
import re
import socket
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from aioice import stun as theirs

from media import control, demux
from media.aiortc_adapter import Certificate, DtlsSession
from media.bwe.resends import MAX_PER_S as MAX_RESENDS_PER_S
from media.connection import MAX_LINES
from media.control import TransportState
from media.errors import MediaError
from media.ice.agent import CHECKS_BURST, CHECKS_PER_S, FAILED_CHECKS_BURST, FAILED_CHECKS_PER_S, MAX_CREDENTIALS
from media.limits import MAX_SOURCES, Allowance, SourceAllowances
from media.rtp import rtcp
from media.rtp.header import FIXED
from media.sdp.negotiation import MAX_AUDIO_SLOTS
from media.sdp.offer import parse_offer
from media.slot import KEYFRAMES_PER_S
from media.transport import MAX_SSRCS, REPORTS_BURST
from tests.unit.media.conftest import rtp
from tests.unit.media.raw_client import RawClient
from tests.unit.media.studio import ALL, CAMERA, Studio, packet_of, speak
from tests.unit.media.test_stun import request


async def test_a_living_address_cannot_be_taken_over(studio: Studio) -> None:
    alice, mallory = await studio.enter("alice"), RawClient()
    answer = studio.offer("mallory", mallory).sdp
    with pytest.raises(TimeoutError):
        await alice.check(answer, use_candidate=True, timeout_s=0.1)  # mallory's password from alice's address
    assert studio.plane.counters["drop_stun_taken"] == 1
    await speak(studio, alice, "alice")
    studio.clock.now += 5
    await alice.check(answer, use_candidate=True)


async def test_datagrams_that_do_not_decrypt_are_counted(studio: Studio) -> None:
    alice = await studio.enter("alice")
    alice.send_raw(b"\x80" * 100)
    alice.send_raw(b"\x80\xc8" + bytes(20))
    alice.send(b"\x80\xc9\0\x07\0\0\0\1", is_rtcp=True)
    await studio.sees(lambda: studio.plane.counters["drop_srtp"] == 2, "authentication failures")
    await studio.sees(lambda: studio.plane.counters["drop_malformed"] == 1, "a malformed report")
    assert studio.state("alice") is TransportState.CONNECTED


async def test_refusals(studio: Studio) -> None:
    def code(call: Callable[[], object]) -> str:
        with pytest.raises(MediaError) as caught:
            call()
        return caught.value.code

    def offer(**changes: Any) -> Callable[[], object]:
        message = control.TransportOffer(room_id="r", participant_id="x", sdp=RawClient().offer, grants=ALL)
        return lambda: studio.plane.offer(message.model_copy(update=changes))

    assert code(offer(sdp="v=0\r\n")) == "bad_sdp"
    assert code(offer(room_id="else")) == "unknown_room"
    assert code(offer(sdp=RawClient().offer.replace("opus", "x").replace("H264", "x").replace("VP8", "x"))) == (
        "no_usable_media"
    )
    assert studio.room.participants == {}, "a refused offer leaves no seat"
    assert studio.plane._demux.by_ufrag == {}, "and no credentials"
    assert code(lambda: studio.view("nobody")) == "unknown_participant"
    for index in range(8):
        studio.offer(f"p{index}", RawClient())
    assert code(offer()) == "room_full"


async def test_ssrcs_of_a_client_are_bounded_before_they_cost_memory(studio: Studio) -> None:
    alice = await studio.enter("alice")
    for ssrc in range(1, 2 * MAX_SSRCS + 1):
        alice.send(rtp(1, ssrc=ssrc))
    await studio.sees(lambda: studio.plane.counters["drop_ssrcs"] == MAX_SSRCS, "those beyond the limit are dropped")


async def test_restarts_that_nobody_follows_leave_nothing_behind(studio: Studio) -> None:
    alice = RawClient()
    first = studio.offer("alice", alice).sdp
    await alice.connect(first)
    ufrag = parse_offer(alice.offer).ice_ufrag
    for index in range(20):
        alice.offer = alice.offer.replace(ufrag, f"new{index}")
        ufrag = f"new{index}"
        last = studio.offer("alice", alice).sdp
    assert len(studio.plane._demux.by_ufrag) == MAX_CREDENTIALS
    await alice.check(first, use_candidate=False)
    await alice.check(last, use_candidate=True)
    assert len(studio.plane._demux.by_ufrag) == 1


async def test_lines_that_come_and_go_are_bounded(studio: Studio) -> None:
    alice = await studio.enter("alice")
    text, answers = alice.offer, 0
    with pytest.raises(MediaError) as caught:
        for turn in range(MAX_LINES):
            alice.offer = re.sub(r"(a=mid:|BUNDLE )(.*)", partial(_renamed, f"{turn}-"), text)
            studio.offer("alice", alice)
            answers += 1
    assert caught.value.code == "bad_sdp"
    assert answers >= 2
    connection = studio.room.participants["alice"].current
    assert connection is not None
    slots = connection.slots
    assert len(slots) <= MAX_LINES
    assert sum(slot.kind == "audio" for slot in slots) > MAX_AUDIO_SLOTS, "more than at once"
    assert len({ssrc for slot in slots for ssrc in (slot.ssrc, slot.rtx_ssrc)}) == 2 * len(slots), "one nonce each"


def _renamed(prefix: str, found: re.Match[str]) -> str:
    return found[1] + " ".join(prefix + mid for mid in found[2].split()) + "\r"


async def test_a_forged_dtls_record_is_no_sign_of_life(studio: Studio) -> None:
    alice = await studio.enter("alice")
    studio.clock.now += 7
    alice.send_raw(b"\x17" + bytes(30))
    alice.send_raw(b"\x80" * 100)
    await studio.sees(lambda: studio.plane.counters["drop_srtp"] == 1, "both have come")
    studio.second()
    assert studio.state("alice") is TransportState.UNSTABLE


async def test_resends_are_limited(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    _, _, number, _, ssrc = FIXED.unpack_from(bob.rtp[0])
    for first in range(0, MAX_RESENDS_PER_S + 60, 60):
        lost = [(number + 1 + first + index) & 0xFFFF for index in range(60)]
        bob.send(rtcp.write_nack(1, ssrc, lost), is_rtcp=True)
    counters = studio.plane.counters
    await studio.sees(lambda: counters["resend_missing"] == MAX_RESENDS_PER_S, "so many are looked for")
    await studio.sees(lambda: counters["drop_resend_rate"] == 1020 + 60 - MAX_RESENDS_PER_S, "the rest is not")
    studio.clock.now += 1
    bob.send(rtcp.write_nack(1, ssrc, [number]), is_rtcp=True)
    await studio.sees(lambda: counters["resent"] == 1, "a second later it goes on")


async def test_one_lost_packet_is_sent_again_once_in_a_round_trip(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    _, _, number, _, ssrc = FIXED.unpack_from(bob.rtp[0])
    counters = studio.plane.counters
    for _ in range(10):
        bob.send(rtcp.write_nack(1, ssrc, [number]), is_rtcp=True)
    await studio.sees(lambda: counters["drop_resend_again"] == 9, "nine are too soon")
    assert counters["resent"] == 1
    studio.clock.now += 1
    bob.send(rtcp.write_nack(1, ssrc, [number]), is_rtcp=True)
    await studio.sees(lambda: counters["resent"] == 2, "the next copy")


async def test_a_check_that_was_overheard_does_not_move_the_stream(studio: Studio) -> None:
    alice = RawClient()
    answer = studio.offer("alice", alice).sdp
    await alice.connect(answer)
    parsed = parse_offer(answer)
    overheard = request(f"{parsed.ice_ufrag}:x", parsed.ice_pwd, True)
    for _ in range(2):  # from its own address it may come twice
        before = alice.checks
        alice.send_raw(overheard)
        await studio.sees(lambda before=before: alice.checks > before, "an answer")  # type: ignore[misc]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.sendto(overheard, studio.plane._port.address)
        await studio.sees(lambda: studio.plane.counters["drop_stun_replayed"] == 1, "the replay is dropped")
    assert len(studio.plane._demux.by_address) == 1


def test_an_allowance_fills_up_with_time() -> None:
    allowance = Allowance(2, 3)
    assert [allowance.take(10.0) for _ in range(4)] == [True, True, True, False]
    assert not allowance.take(10.4)
    assert allowance.take(10.5)
    assert [allowance.take(100.0) for _ in range(4)] == [True, True, True, False]
    assert not allowance.take(99.0), "a clock that goes backwards gives nothing"


def test_allowances_of_many_sources_are_bounded() -> None:
    allowances = SourceAllowances(1, 1)
    assert allowances.take("first", 0.0)
    assert not allowances.has("first", 0.0)
    for number in range(MAX_SOURCES):
        assert allowances.take(str(number), 0.0)
    assert len(allowances._by_source) == MAX_SOURCES
    assert allowances.has("first", 0.0), "it is forgotten"


@pytest.fixture
def stranger(studio: Studio) -> Iterator[Callable[[bytes], None]]:
    """Sends from an address that nobody knows."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as opened:

        def send(data: bytes) -> None:
            opened.sendto(data, studio.plane._port.address)

        yield send


async def test_guesses_of_a_password_are_soon_not_looked_at(studio: Studio, stranger: Callable[[bytes], None]) -> None:
    alice = RawClient()
    answer = studio.offer("alice", alice).sdp
    await alice.connect(answer)
    ufrag = parse_offer(answer).ice_ufrag
    counters = studio.plane.counters
    for _ in range(FAILED_CHECKS_BURST + 5):
        stranger(request(f"{ufrag}:x", "a guess", True))
    await studio.sees(lambda: counters["drop_stun_rate"] == 5, "five are not looked at")
    assert counters["drop_stun_unauthentic"] == FAILED_CHECKS_BURST
    await alice.check(answer, use_candidate=True)
    studio.clock.now += 1
    for _ in range(FAILED_CHECKS_PER_S + 1):
        stranger(request(f"{ufrag}:x", "a guess", True))
    await studio.sees(lambda: counters["drop_stun_rate"] == 6, "five a second are")


async def test_checks_of_one_address_that_lead_nowhere_are_limited(
    studio: Studio, stranger: Callable[[bytes], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    alice, bob = RawClient(), RawClient()
    answer = studio.offer("alice", alice).sdp
    await alice.connect(answer)
    studio.plane._demux._failures = SourceAllowances(5, 10)
    counters = studio.plane.counters
    for number in range(20):
        stranger(request("nobody:x") if number % 2 else b"\0" * 40)
    await studio.sees(lambda: counters["drop_stun_rate"] == 10, "the rest is not parsed")
    assert counters["drop_stun_malformed"] == counters["drop_stun_unknown"] == 5
    await alice.check(answer, use_candidate=True)
    with pytest.raises(TimeoutError):
        await bob.open(studio.offer("bob", bob).sdp)
        await bob.check(studio.offer("bob", bob).sdp, use_candidate=True, timeout_s=0.1)
    studio.clock.now += 1
    await studio.enter("bob", bob)


async def test_half_open_transports_of_an_address_wait_for_each_other(
    studio: Studio, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(demux, "MAX_HALF_OPEN_PER_IP", 2)
    clients = [RawClient() for _ in range(3)]
    answers = [studio.offer(f"p{number}", client).sdp for number, client in enumerate(clients)]
    for client, answer in zip(clients[:2], answers, strict=False):
        await client.open(answer)
        await client.check(answer, use_candidate=True)
    third = asyncio.create_task(clients[2].connect(answers[2]))
    await studio.sees(lambda: studio.plane.counters["half_open_waits"] == 1, "the third waits")
    assert not third.done()
    studio.room.remove("p0")
    await third
    await studio.sees(lambda: studio.state("p2") is TransportState.CONNECTED, "it had only to wait")
    studio.room.remove("p1")
    await studio.sees(lambda: not studio.plane._demux._gates, "nothing is left")


async def test_an_admitted_client_has_a_rate_of_checks(studio: Studio) -> None:
    alice = RawClient()
    answer = studio.offer("alice", alice).sdp
    await alice.connect(answer)
    parsed = parse_offer(answer)
    for _ in range(CHECKS_BURST + 10):
        alice.send_raw(request(f"{parsed.ice_ufrag}:x", parsed.ice_pwd))
    await studio.sees(lambda: studio.plane.counters["drop_check_rate"] == 11, "those beyond it are not answered")
    studio.clock.now += 1
    for _ in range(CHECKS_PER_S):
        await alice.check(answer, use_candidate=False)
    assert studio.state("alice") is TransportState.CONNECTED


async def test_who_claims_to_be_controlled_is_told_of_the_conflict(studio: Studio) -> None:
    alice = RawClient()
    answer = studio.offer("alice", alice).sdp
    await alice.open(answer)
    heard: list[bytes] = []
    alice.datagram_received = lambda data, _address: heard.append(data)  # type: ignore[assignment,method-assign]
    parsed = parse_offer(answer)
    alice.send_raw(request(f"{parsed.ice_ufrag}:x", parsed.ice_pwd, True, role="ICE-CONTROLLED"))
    await studio.sees(lambda: heard, "an answer")
    message = theirs.parse_message(heard[0])
    assert message.check_message_integrity(parsed.ice_pwd.encode())
    assert message.message_class == theirs.Class.ERROR
    assert message.attributes["ERROR-CODE"][0] == 487
    assert not studio.plane._demux.by_address, "nothing is admitted or nominated by it"
    assert studio.plane.counters["stun_role_conflict"] == 1


async def test_only_a_nominated_address_is_sent_to(studio: Studio) -> None:
    alice = RawClient()
    answer = studio.offer("alice", alice).sdp
    await alice.connect(answer)
    before = studio.room.participants["alice"].current.transport.address  # type: ignore[union-attr]
    old = alice._socket
    alice._socket = None
    await alice.open(answer)
    await alice.check(answer, use_candidate=False)
    transport = studio.room.participants["alice"].current.transport  # type: ignore[union-attr]
    assert transport.address == before, "a check alone moves nothing"
    await alice.check(answer, use_candidate=True)
    assert transport.address != before
    old.close()


async def test_names_in_candidates_are_never_looked_up(studio: Studio, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither DNS nor mDNS: clients are learnt from their checks alone, their candidates are not even read."""

    def refuse(*_arguments: object, **_options: object) -> None:
        pytest.fail("a name was looked up")

    alice = RawClient()
    for host in ("4e1b7a2c-52fe-4f2f-9d1a-4f3c1d5ab111.local", "metadata.internal", "192.0.2.9"):
        alice.offer += f"a=candidate:1 1 udp 2122260223 {host} 50000 typ host\r\n"
    alice.offer += "a=candidate:9 1 tcp 1518280447 evil.example 443 typ host tcptype passive\r\n"
    answer = studio.offer("alice", alice).sdp
    for name in ("getaddrinfo", "gethostbyname", "create_connection"):
        monkeypatch.setattr(socket, name, refuse)
    with monkeypatch.context() as patch:
        patch.setattr(asyncio.get_running_loop(), "getaddrinfo", refuse)
        again = studio.offer("alice", alice).sdp
    assert "evil.example" not in answer + again
    assert ".local" not in answer + again


async def test_a_client_hello_from_off_the_path_is_dropped(studio: Studio, stranger: Callable[[bytes], None]) -> None:
    """The race of OWASP ASVS 17.2.6: whoever speaks DTLS first without a check must not win."""
    hellos: list[bytes] = []
    mallory = DtlsSession(Certificate(), [("sha-256", "00")], "client", hellos.append)
    attempt = asyncio.create_task(mallory.handshake())
    await studio.sees(lambda: hellos, "a real ClientHello")
    rounds = 7
    for number in range(rounds):
        client = RawClient()
        answer = studio.offer(f"p{number}", client).sdp
        for hello in hellos:
            stranger(hello)
        await studio.enter(f"p{number}", client)
        for hello in hellos:
            stranger(hello)
    counters = studio.plane.counters
    await studio.sees(lambda: counters["drop_unknown_source"] == 2 * rounds * len(hellos), "each of them is dropped")
    assert (counters["dtls_connected"], counters["dtls_failed"]) == (rounds, 0)
    assert answer
    attempt.cancel()
    await asyncio.gather(attempt, return_exceptions=True)
    await mallory.close()


async def test_forged_alerts_from_the_clients_own_address_end_nothing(studio: Studio) -> None:
    alice = await studio.enter("alice")
    for version in (b"\xfe\xff", b"\xfe\xfd"):
        for epoch in (0, 1, 2):
            head = b"\x15" + version + epoch.to_bytes(2, "big") + (7).to_bytes(6, "big")
            alice.send_raw(head + b"\0\2\2\x28")  # fatal, handshake_failure
            alice.send_raw(head + b"\0\2\1\0")  # close_notify
            alice.send_raw(head + b"\0\x20" + bytes(32))
    await speak(studio, alice, "alice")
    assert studio.state("alice") is TransportState.CONNECTED


async def test_keyframes_that_a_viewer_may_ask_for_are_limited(studio: Studio) -> None:
    alice, bob = await studio.enter("alice"), await studio.enter("bob")
    studio.view("bob", "alice:camera")
    alice.send(packet_of(alice, CAMERA, 5, b"\x67key"))
    await studio.sees(lambda: len(bob.rtp) == 1, "a picture")
    ssrc = FIXED.unpack_from(bob.rtp[0])[4]
    for _ in range(KEYFRAMES_PER_S + 5):
        bob.send(rtcp.write_pli(1, ssrc), is_rtcp=True)
    await studio.sees(lambda: studio.plane.counters["drop_pli_rate"] == 5, "two a second are heard")


async def test_one_nack_asks_for_at_most_64_packets(studio: Studio) -> None:
    wanted = rtcp.write_nack(1, 2, range(0, 2000, 2))
    (part,) = rtcp.parts(wanted)
    assert len(rtcp.read_nack(wanted, part)) == 64


async def test_reports_of_a_client_are_limited(studio: Studio) -> None:
    alice = await studio.enter("alice")
    for _ in range(REPORTS_BURST + 20):
        alice.send(b"\x80\xc9\0\1\0\0\0\1", is_rtcp=True)
        await asyncio.sleep(0)
    await studio.sees(lambda: studio.plane.counters["drop_rtcp_rate"] >= 20, "those beyond it are not read")
    assert studio.plane.counters["rtcp_in"] <= REPORTS_BURST
    await speak(studio, alice, "alice")

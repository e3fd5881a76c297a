"""What one client may not do to the worker or to others, and what is refused."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import Any

import pytest

from media import control
from media.connection import MAX_RESENDS_PER_S
from media.control import TransportState
from media.errors import MediaError
from media.rtp import rtcp
from media.rtp.header import FIXED
from media.sdp.offer import parse_offer
from media.transport import MAX_CREDENTIALS, MAX_SSRCS
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
    asked = 0
    while asked <= MAX_RESENDS_PER_S:
        bob.send(rtcp.write_nack(1, ssrc, [number] * 60), is_rtcp=True)
        asked += 60
    await studio.sees(lambda: studio.plane.counters["drop_resend_rate"] == asked - MAX_RESENDS_PER_S, "the rest is not")
    assert studio.plane.counters["resent"] == MAX_RESENDS_PER_S
    studio.clock.now += 1
    bob.send(rtcp.write_nack(1, ssrc, [number]), is_rtcp=True)
    await studio.sees(lambda: studio.plane.counters["resent"] == MAX_RESENDS_PER_S + 1, "a second later it is")


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

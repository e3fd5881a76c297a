"""The generated traffic and the counting of it."""

from __future__ import annotations

import dataclasses
import os
import struct
import time

from tests.bench import machine, yardstick
from tests.bench.arrival import arrived_ns, set_clocks
from tests.bench.conftest import TWCC_ID, Server, measurement
from tests.bench.offer import TRANSPORT_CC, AnsweredMedia
from tests.bench.participant import address_of
from tests.bench.peer import Peer
from tests.bench.report import percentile, slope_per_hour, summarize
from tests.bench.scenario import lesson, meeting
from tests.bench.subscriber import Subscriber
from tests.bench.traffic import (
    FRAME_MS,
    FU_A,
    KEYFRAME_EVERY,
    MAX_PAYLOAD,
    STAMP_BYTES,
    STAP_A,
    TICK_MS,
    Lane,
    Piece,
    Source,
    feed_of,
    split_equally,
    video_frame,
)


def _ticks(source: Source, seconds: int) -> list[Piece]:
    return [piece for tick in range(seconds * 1000 // TICK_MS) for piece in source.tick(tick * TICK_MS)]


def test_the_source_keeps_its_bit_rate_and_its_clock() -> None:
    source = Source(1_500_000)
    pieces = _ticks(source, 40)
    video = [piece for piece in pieces if piece.lane == Lane.VIDEO]
    bits_per_s = sum(len(piece.body) for piece in video) * 8 / 40
    assert 1_450_000 < bits_per_s < 1_550_000
    assert sum(piece.marker for piece in video) == 40 * 25
    assert sum(piece.lane == Lane.AUDIO for piece in pieces) == 40 * 50
    assert source.keyframes == 40 * 25 / KEYFRAME_EVERY
    assert max(len(piece.body) for piece in pieces) + STAMP_BYTES <= MAX_PAYLOAD


def test_a_key_frame_is_paced_and_begins_with_its_parameter_sets() -> None:
    pieces = video_frame(30_000, 90, key=True)
    assert pieces[0].body[0] & 0x1F == STAP_A
    assert {piece.body[0] & 0x1F for piece in pieces[1:]} == {FU_A}
    assert [piece.marker for piece in pieces] == [False] * (len(pieces) - 1) + [True]
    finely = Source(1_500_000, burst_ms=5)
    assert 1 <= len([piece for piece in finely.tick(0) if piece.lane == Lane.VIDEO]) <= 4


def test_a_frame_leaves_at_once_and_a_key_frame_in_steps() -> None:
    """As from a browser."""
    source = Source(1_500_000)
    ticks = [[piece for piece in source.tick(tick * TICK_MS) if piece.lane == Lane.VIDEO] for tick in range(400)]
    first, second = ticks[: FRAME_MS // TICK_MS], ticks[FRAME_MS // TICK_MS : 2 * FRAME_MS // TICK_MS]
    assert sum(map(bool, first)) > 1, "the key frame"
    assert second[0]
    whole = [len(tick) and tick[-1].marker for tick in ticks[FRAME_MS // TICK_MS :: FRAME_MS // TICK_MS]]
    assert sum(map(bool, whole)) > 0.9 * len(whole)


def test_a_requested_key_frame_is_the_next_frame() -> None:
    source = Source(1_500_000)
    _ticks(source, 1)
    source.request_keyframe()
    _ticks(source, 1)
    assert source.keyframes == 2


def test_a_frame_is_cut_into_parts_that_differ_by_one_byte_at_most() -> None:
    assert split_equally(7000, 1133) == [1000] * 7
    assert split_equally(3002, 1133) == [1000, 1001, 1001]
    assert split_equally(1, 1133) == [1]


def test_a_viewer_counts_by_the_publishers_numbers(server: Server) -> None:
    viewer = server.subscriber
    for number in (5, 6, 8, 8, 9):
        if number == 8:
            viewer.record(time.monotonic_ns(), 1 << 62)
        server.send(Lane.VIDEO, number, 65530 + number)  # the server's numbers wrap on the way
    viewer.record(0, 0)
    server.send(Lane.AUDIO, 5, 40_000)
    assert viewer.arrived(Lane.VIDEO, 5, 10) == 4
    assert viewer.arrived(Lane.AUDIO, 5, 10) == 1
    # A sampled viewer decrypts, and SRTP's replay protection stops the packet that came twice.
    assert (viewer.duplicates, viewer.refused, viewer.renumbered) == (0, 1, 0)
    assert viewer.is_complete
    assert len(viewer.latencies_us) == 2  # 8 once, and 9


def test_a_place_that_was_counted_is_free_for_the_number_that_comes_there_next(server: Server) -> None:
    server.subscriber.sample(False)
    for number in (65_534, 65_535, 65_536):
        server.send(Lane.VIDEO, number, number)
    viewer = server.subscriber
    assert viewer.arrived(Lane.VIDEO, 65_533, 65_537) == 3
    assert viewer.take(Lane.VIDEO, 65_533, 65_537) == 3
    assert viewer.take(Lane.VIDEO, 65_533, 65_537) == 0
    assert viewer.take(Lane.AUDIO, 0, 10) == 0  # of which nothing ever came


def test_a_slot_that_carries_another_feed_is_noticed_when_in_doubt(server: Server) -> None:
    viewer = server.subscriber
    viewer.sample(False)
    server.send(feed_of(1, Lane.VIDEO), 7, 100, ssrc=5)
    viewer.doubt()
    server.send(feed_of(2, Lane.VIDEO), 50, 101, ssrc=5)
    assert (viewer.arrived(feed_of(1, Lane.VIDEO), 0, 100), viewer.arrived(feed_of(2, Lane.VIDEO), 50, 51)) == (1, 1)
    assert viewer.renumbered == 1


def test_a_viewer_carries_what_he_decrypted_last_and_forgets_what_he_ticked_off_meanwhile(server: Server) -> None:
    viewer = server.subscriber
    viewer.sample(False)
    stage, aside = feed_of(0, Lane.VIDEO), feed_of(1, Lane.VIDEO)
    server.send(stage, 7, 100, ssrc=5)
    server.send(aside, 50, 101, ssrc=5)  # taken for the stage's eighth
    assert (viewer.carries(stage), viewer.carries(aside)) == (True, False)
    viewer.doubt()
    assert not viewer.carries(stage)
    server.send(aside, 51, 102, ssrc=5)
    assert (viewer.carries(stage), viewer.carries(aside)) == (False, True)
    viewer.doubt()
    server.send(stage, 300, 103, ssrc=5)
    assert (viewer.carries(stage), viewer.arrived(stage, 0, 300), viewer.renumbered) == (True, 2, 2)
    viewer.forget()
    server.send(stage, 301, 104, ssrc=5)
    assert viewer.arrived(stage, 0, 301) == viewer.arrived(aside, 0, 100) == viewer.renumbered == 0
    assert viewer.arrived(stage, 301, 302) == 1


def test_padding_is_reported_and_not_taken_for_media(server: Server) -> None:
    viewer = server.subscriber
    viewer.negotiated(
        (AnsweredMedia("video", "4", 9, "sendonly", codecs={96: "rtx"}, extensions={TRANSPORT_CC: TWCC_ID}),)
    )
    server.send(Lane.VIDEO, 0, 1, transport_sequence=9)  # as if it were sent again: its stamp is read
    assert (viewer.repaired, viewer.padding, viewer.arrived(Lane.VIDEO, 0, 1)) == (1, 0, 1)
    server.send_bare(2, transport_sequence=10)
    assert (viewer.repaired, viewer.padding, viewer.streams) == (1, 1, {})
    assert [number for number, _arrival_us in viewer._arrivals] == [9, 10]


def test_a_viewer_that_does_not_decrypt_counts_what_comes_twice_once(server: Server) -> None:
    server.subscriber.sample(False)
    for number in (0, 1, 1):
        server.send(Lane.VIDEO, number, 100 + number)
    assert server.subscriber.arrived(Lane.VIDEO, 0, 2) == 2
    assert (server.subscriber.duplicates, server.subscriber.refused) == (1, 0)


def test_a_gap_is_asked_for_until_it_is_filled(server: Server) -> None:
    for number in (0, 1, 4):
        server.send(Lane.VIDEO, number, 65535 + number)
    (stream,) = server.subscriber.streams.values()
    assert list(stream.missing) == [1, 2]
    server.send(Lane.VIDEO, 2, 1)
    assert list(stream.missing) == [2]
    assert stream.highest == 3
    assert server.subscriber.arrived(Lane.VIDEO, 0, 5) == 4


def test_a_wide_gap_is_asked_for_in_parts(server: Server) -> None:
    viewer = server.subscriber
    viewer.sample(False)
    server.send(Lane.VIDEO, 0, 0)
    server.send(Lane.VIDEO, 600, 600)
    asked: list[bytes] = []
    viewer.peer.send_rtcp = asked.append  # type: ignore[assignment]
    for _ in range(3):
        assert viewer.send_nacks(1)
    assert [len(packet) for packet in asked] == [12 + 4 * 250, 12 + 4 * 250, 12 + 4 * 99]
    assert viewer.send_nacks(1)  # not before a round trip
    assert len(asked) == 3


def test_lost_packets_are_not_counted() -> None:
    peer = Peer(gro=True)
    sender = Server(Subscriber(peer, sampled=False, loss=1.0))
    sender.send(Lane.VIDEO, 0, 0)
    assert (sender.subscriber.dropped, sender.subscriber.streams) == (1, {})
    sender.close()
    peer.socket.close()


def test_a_sampled_viewer_sees_that_the_server_renumbers(server: Server) -> None:
    server.send(Lane.VIDEO, 0, 100)
    server.send(Lane.VIDEO, 1, 300)
    assert server.subscriber.renumbered == 1
    assert server.subscriber.arrived(Lane.VIDEO, 0, 2) == 2


def test_a_report_tells_the_loss_since_the_last_one(server: Server) -> None:
    server.send(Lane.VIDEO, 0, 65534)
    stream = next(iter(server.subscriber.streams.values()))
    stream.report()
    server.send(Lane.VIDEO, 1, 65535)
    server.send(Lane.VIDEO, 4, 65538)
    block = stream.report()
    assert (block.lost, block.highest_sequence) == (2, 1 << 16 | 2)
    assert block.fraction_lost == 128


def test_a_packet_arrived_when_the_kernel_says_so_however_late_it_is_read() -> None:
    set_clocks()
    seconds, nanoseconds = divmod(time.time_ns() - 5_000_000, 1_000_000_000)
    waited_ns = time.monotonic_ns() - arrived_ns(struct.pack("=qq", seconds, nanoseconds))
    assert 4_900_000 < waited_ns < 1_000_000_000


def test_transport_wide_numbers_are_found_behind_padding(server: Server) -> None:
    server.send(Lane.VIDEO, 0, 100, transport_sequence=500)
    server.send(Lane.VIDEO, 1, 101, transport_sequence=501)
    server.send(Lane.VIDEO, 2, 102)
    assert [number for number, _arrival_us in server.subscriber._arrivals] == [500, 501]


def test_several_runs_give_the_median_cost_and_the_worst_delivery() -> None:
    costs = [(3.0, 1.0), (9.0, 0.5), (4.0, 1.0)]
    runs = [measurement(server_cpu_s_per_million=cost, delivered_fraction=share) for cost, share in costs]
    summary = summarize([*runs[:2], dataclasses.replace(runs[2], noisy=True)])
    assert summary["server_cpu_s_per_million"] == 4.0
    assert summary["delivered_fraction"] == 0.5
    assert summary["noisy"] is True
    assert [row["server_cpu_s_per_million"] for row in summary["per_run"]] == [3.0, 9.0, 4.0]


def test_a_leak_shows_as_a_slope() -> None:
    samples = [(second, 100 + second / 60) for second in range(0, 600, 10)]
    assert round(slope_per_hour(samples), 6) == 60
    assert slope_per_hour(samples[:2]) == 0


def test_who_sees_and_hears_whom() -> None:
    room = meeting(50, 9)
    assert room.expected(0) == {feed_of(other, Lane.VIDEO) for other in range(1, 9)} | {
        feed_of(other, Lane.AUDIO) for other in (1, 2)
    }
    assert len(room.expected(49)) == 9 + 3
    assert sorted(room.pictures(20)) == list(range(9))
    assert room.pictures(20) != room.pictures(21)  # in an order of their own
    hall = lesson(150)
    assert (hall.people, hall.subscribers, hall.expected(0)) == (151, 150, frozenset())
    assert hall.expected(150) == {feed_of(0, Lane.AUDIO), feed_of(0, Lane.VIDEO)}


def test_everybody_comes_from_an_address_of_his_own() -> None:
    addresses = {address_of("127.0.0.1", index) for index in range(2000)}
    assert len(addresses) == 2000
    assert {address_of("192.0.2.1", index) for index in range(3)} == {"192.0.2.1"}


def test_who_does_not_speak_sends_comfort_noise_only() -> None:
    source = Source(500_000, speaks=False, films=False)
    assert [piece.lane for piece in _ticks(source, 4)] == [Lane.AUDIO] * 10


def test_who_has_no_microphone_sends_pictures_only() -> None:
    pieces = _ticks(Source(100_000, has_microphone=False, speaks=False), 4)
    assert {piece.lane for piece in pieces} == {Lane.VIDEO}
    assert sum(piece.marker for piece in pieces) == 4 * 25


def test_percentiles() -> None:
    assert percentile([], 0.99) == 0
    assert percentile([1, 2, 3, 4], 0.5) == 3
    assert percentile([1, 2, 3, 4], 1.0) == 4


def test_the_kernels_drop_counter_is_read_for_a_socket_that_overflows(server: Server) -> None:
    peer = server.subscriber.peer
    peer.socket.setsockopt(1, 8, 4096)  # SOL_SOCKET, SO_RCVBUF: the smallest the kernel allows
    assert machine.dropped_datagrams({peer.port}) == 0
    for _ in range(500):
        server._socket.send(bytes(1200))
    assert machine.dropped_datagrams({peer.port}) > 0


def test_the_yardstick_takes_time_and_gives_the_core_back() -> None:
    cores = os.sched_getaffinity(0)
    assert yardstick.cost_us(min(cores)) > 0
    assert os.sched_getaffinity(0) == cores

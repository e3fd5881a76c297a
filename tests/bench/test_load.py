"""The generated traffic and the counting of it."""

from __future__ import annotations

import dataclasses
import os
import struct

from tests.bench import machine, yardstick
from tests.bench.conftest import Server
from tests.bench.peer import Peer
from tests.bench.report import Measurement, percentile, summarize
from tests.bench.subscriber import Subscriber, waited_ns
from tests.bench.table import HEADINGS, row
from tests.bench.traffic import (
    FU_A,
    KEYFRAME_EVERY,
    MAX_PAYLOAD,
    STAMP_BYTES,
    STAP_A,
    TICK_MS,
    Lane,
    Piece,
    Source,
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
    source = Source(1_500_000)
    assert 1 <= len([piece for piece in source.tick(0) if piece.lane == Lane.VIDEO]) <= 4


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
    for number in (5, 6, 8, 8, 9):
        server.send(Lane.VIDEO, number, 65530 + number)  # the server's numbers wrap on the way
    server.send(Lane.AUDIO, 5, 40_000)
    viewer = server.subscriber
    assert viewer.delivered(Lane.VIDEO, 5, 10) == 4
    assert viewer.delivered(Lane.AUDIO, 5, 10) == 1
    # A sampled viewer decrypts, and SRTP's replay protection stops the packet that came twice.
    assert (viewer.duplicates, viewer.refused, viewer.renumbered) == (0, 1, 0)
    assert viewer.complete
    windows = {Lane.VIDEO: (6, 9), Lane.AUDIO: (0, 5)}
    assert len(viewer.window_latencies_us(windows)) == 2


def test_a_viewer_that_does_not_decrypt_counts_what_comes_twice_once(server: Server) -> None:
    server.subscriber.sampled = False
    for number in (0, 1, 1):
        server.send(Lane.VIDEO, number, 100 + number)
    assert server.subscriber.delivered(Lane.VIDEO, 0, 2) == 2
    assert (server.subscriber.duplicates, server.subscriber.refused) == (1, 0)


def test_a_gap_is_asked_for_until_it_is_filled(server: Server) -> None:
    for number in (0, 1, 4):
        server.send(Lane.VIDEO, number, 65535 + number)
    (stream,) = server.subscriber.streams.values()
    assert list(stream.missing) == [1, 2]
    server.send(Lane.VIDEO, 2, 1)
    assert list(stream.missing) == [2]
    assert stream.highest == 3
    assert server.subscriber.delivered(Lane.VIDEO, 0, 5) == 4


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
    assert server.subscriber.delivered(Lane.VIDEO, 0, 2) == 2


def test_a_report_tells_the_loss_since_the_last_one(server: Server) -> None:
    server.send(Lane.VIDEO, 0, 65534)
    stream = next(iter(server.subscriber.streams.values()))
    stream.report()
    server.send(Lane.VIDEO, 1, 65535)
    server.send(Lane.VIDEO, 4, 65538)
    block = stream.report()
    assert (block.lost, block.highest_sequence) == (2, 1 << 16 | 2)
    assert block.fraction_lost == 128


def test_the_wait_in_the_sockets_buffer_is_not_latency() -> None:
    assert waited_ns(struct.pack("=qq", 5, 999_999_000), 6_000_000_500) == 1500
    assert waited_ns(struct.pack("=qq", 6, 0), 5_999_999_999) == 0  # the clock was set back a little


def test_transport_wide_numbers_are_found_behind_padding(server: Server) -> None:
    server.send(Lane.VIDEO, 0, 100, transport_sequence=500)
    server.send(Lane.VIDEO, 1, 101, transport_sequence=501)
    server.send(Lane.VIDEO, 2, 102)
    assert [number for number, _arrival_us in server.subscriber._arrivals] == [500, 501]


def _measurement(**changes: float) -> Measurement:
    zeros = {field.name: 0 for field in dataclasses.fields(Measurement)}
    return Measurement(**{**zeros, "noisy": False, "srtp_profile": "", "publisher": {}, **changes})  # type: ignore[arg-type]


def test_several_runs_give_the_median_cost_and_the_worst_delivery() -> None:
    costs = [(3.0, 1.0), (9.0, 0.5), (4.0, 1.0)]
    runs = [_measurement(server_cpu_s_per_million=cost, delivered_fraction=share) for cost, share in costs]
    summary = summarize([*runs[:2], dataclasses.replace(runs[2], noisy=True)])
    assert summary["server_cpu_s_per_million"] == 4.0
    assert summary["delivered_fraction"] == 0.5
    assert summary["noisy"] is True
    assert [row["server_cpu_s_per_million"] for row in summary["per_run"]] == [3.0, 9.0, 4.0]


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


def test_a_table_rounds_delivery_down() -> None:
    report = {
        **summarize([_measurement(subscribers=150, delivered_fraction=0.9999999, forwarded_per_s=33_000.4)]),
        "bitrate_kbps": 1500,
        "loss_percent": 0.5,
        "gro": True,
    }
    cells = row(report)
    assert len(cells) == len(HEADINGS)
    assert cells[:5] == ("150", "1.5 Mbit/s, 0.5 % lost, asked for again", "1", "33,000", "99.9999 %")
    assert row({**report, "delivered_fraction": 1.0})[4] == "100 %"

"""Padding on the wire: RTX packets without contents, numbered, at the rate that the probe asks for."""

from __future__ import annotations

import asyncio

from media.bwe.probing import Probe
from media.bwe.send_history import SendHistory
from media.probe_sender import MAX_STEPS, ProbeSender
from media.rtp.header import extensions, payload_offset
from tests.unit.media.conftest import FrozenClock
from tests.unit.media.stage import Stage, Viewer

NUMBER_ID = 3


def numbers_of(viewer: Viewer) -> list[int]:
    return [
        packet[at] << 8 | packet[at + 1]
        for packet in viewer.resent
        for id_, at, _ in extensions(packet)
        if id_ == NUMBER_ID
    ]


class RunningClock(FrozenClock):
    """Two milliseconds pass with each look."""

    def monotonic(self) -> float:
        self.now += 0.002
        return self.now


async def run(
    probe_bps: float, media_bps: float, clock: FrozenClock, stage: Stage
) -> tuple[Viewer, SendHistory, Probe]:
    viewer = stage.viewer()
    slot = viewer.slot()
    slot.offered_number_id = NUMBER_ID
    history = SendHistory()
    sender = ProbeSender(history, clock)
    probe = Probe(probe_bps, int(clock.now * 1_000_000))
    sender.start(probe, slot, media_bps)
    for _ in range(1000):
        if not sender.is_busy:
            break
        await asyncio.sleep(0.001)
    assert not sender.is_busy, "a probe ends"
    return viewer, history, probe


async def test_padding_fills_the_media_up_to_the_rate(stage: Stage) -> None:
    viewer, history, probe = await run(1_000_000, 400_000, RunningClock(), stage)
    sent = (len(viewer.resent) - 1) * probe.packet_bytes * 8  # the last is the mark behind it
    assert 0.8 * 60_000 <= sent <= 1.2 * 60_000, "600 kbit/s for 100 ms"
    numbers = numbers_of(viewer)
    assert numbers == list(range(numbers[0], numbers[0] + len(viewer.resent)))
    assert all(history.holds(number) for number in numbers)
    assert history.times_us[numbers[-2]] <= probe.until_us < history.times_us[numbers[-1]], (
        "a mark says that it is over"
    )


async def test_the_packets_are_empty_and_go_by_rtx(stage: Stage) -> None:
    viewer, _, probe = await run(1_000_000, 0, RunningClock(), stage)
    sequences = [int.from_bytes(packet[2:4], "big") for packet in viewer.resent]
    assert sequences == list(range(sequences[0], sequences[0] + len(sequences)))
    for packet in viewer.resent:
        assert packet[0] & 0x20, "padded"
        assert packet[1] == 109, "the RTX payload type of the slot's first codec"
        assert packet[8:12] == (600).to_bytes(4, "big")
        assert packet[-1] == len(packet) - payload_offset(packet), "nothing but padding"
    assert all(len(packet) + 16 == probe.packet_bytes for packet in viewer.resent[:-1])


async def test_a_probe_ends_when_the_clock_stands_still(stage: Stage) -> None:
    viewer, _, _ = await run(100_000_000, 0, FrozenClock(), stage)
    assert len(viewer.resent) <= 40 * (MAX_STEPS + 1)


async def test_a_probe_ends_with_its_transport(stage: Stage) -> None:
    viewer = stage.viewer()
    slot = viewer.slot()
    slot.offered_number_id = NUMBER_ID
    viewer.transport.is_connected = False
    sender = ProbeSender(SendHistory(), stage.clock)
    sender.start(Probe(1_000_000, int(stage.clock.now * 1_000_000)), slot, 0)
    assert not sender.is_busy
    assert viewer.resent == []

"""Whatever happens, in whatever order: no viewer is ever sent one number with two contents (RFC 7714 §8.2).

Nor do numbers, time or picture ids go back where sources change, nor is there a hole that the source had not.
"""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest

from media import chunk, cohort, fanout
from media.uptrack import MAX_AHEAD
from tests.unit.media.stage import H264, VP8, Stage
from tests.unit.media.wandering import OPUS, Encoder, WanderingRoom

STEPS = 1500
SEEDS = (17, 25, 32)  # of some hundred that were walked: each of these has found a fault


class Walk:
    """What happens in a room, one thing after the other."""

    def __init__(self, room: WanderingRoom) -> None:
        self.room = room
        self.rng = room.rng
        self.stage = room.stage
        # What a datagram can bring about, so also between those of one drain and between the chunks of a burst.
        self.sudden: list[Callable[[], None]] = [self.turn_to, self.turn_away, self.move, self.resend, self.begin_anew]
        self.steps: list[Callable[[], None]] = [
            *(self.drain,) * 24,
            self.turn_to,
            self.turn_to,
            self.turn_away,
            self.choose_layer,
            self.choose_layer,
            self.measure,
            self.thin_out,
            self.move,
            self.resend,
            self.resend,
            self.report,
            self.begin_anew,
            self.jump,
            self.wait,
        ]

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.stage.clock.now += self.rng.uniform(0.005, 0.06)
            self.rng.choice(self.steps)()
            self.stage.forwarder.flush()
            self.room.read()

    def between_chunks(self) -> None:
        if not self.room.is_calm and self.rng.random() < 0.2:
            self.room.counts["sudden"] += 1
            self.rng.choice(self.sudden)()

    # --- sources

    def drain(self) -> None:
        """Packets of some layers, in one wake-up of the socket."""
        rng = self.rng
        for encoder in rng.sample(self.room.encoders, rng.randint(1, 5)):
            if rng.random() < 0.4:
                encoder.leap()
            for _ in range(rng.randint(1, 4)):
                is_keyframe = rng.random() < 0.25
                packet, fate = encoder.make(is_keyframe), rng.random()
                if fate < 0.04:
                    continue  # lost
                if fate < 0.1 and not (is_keyframe and self.room.is_calm):  # who begins with a late one has a hole
                    encoder.held.append(packet)
                    continue
                self.room.offer(encoder, packet)
                if fate > 0.97:
                    self.room.offer(encoder, encoder.packet(encoder.sequence, True), rng.random() < 0.5)
                if not self.room.is_calm and rng.random() < 0.03:
                    rng.choice(self.sudden)()
            self._release(encoder)

    def _release(self, encoder: Encoder) -> None:
        while encoder.held and self.rng.random() < 0.4:
            late = encoder.held.pop(self.rng.randrange(len(encoder.held)))
            self.room.offer(encoder, late, self.rng.random() < 0.5)

    def jump(self) -> None:
        """The sender's numbers begin somewhere else; it goes on until that is believed."""
        encoder = self.rng.choice(self.room.encoders)
        encoder.sequence = (encoder.sequence + self.rng.randrange(2 * MAX_AHEAD, 60_000)) & 0xFFFF
        encoder.held.clear()
        for _ in range(self.rng.choice((2, 60))):
            self.room.offer(encoder, encoder.make(self.rng.random() < 0.3))

    def begin_anew(self) -> None:
        encoder = self.rng.choice(self.room.encoders)
        codecs = (H264, H264, VP8) if encoder.publication.kind == "video" else (OPUS,)
        encoder.begin_anew(self.rng.choice(codecs))

    def report(self) -> None:
        encoder = self.rng.choice(self.room.encoders)
        encoder.track.report = int(self.stage.clock.now * (1 << 32)), encoder.timestamp

    def wait(self) -> None:
        self.stage.clock.now += 1.2

    # --- viewers

    def turn_to(self) -> None:
        slot = self.rng.choice(self.room.slots)
        fitting = [publication for publication in self.room.publications if publication.kind == slot.kind]
        if slot.publication is not None:
            slot.publication.detach(slot)
        self.rng.choice(fitting).attach(slot, self.stage.clock.now)

    def turn_away(self) -> None:
        slot = self.rng.choice(self.room.slots)
        if slot.publication is not None:
            slot.publication.detach(slot)

    def choose_layer(self) -> None:
        slot = self.rng.choice(self.room.slots)
        slot.limit, slot.is_paused = self.rng.randrange(3), self.rng.random() < 0.1
        slot.reconsider(self.stage.clock.now)

    def measure(self) -> None:
        slot = self.rng.choice(self.room.slots)
        slot.number_id = 0 if slot.number_id else slot.offered_number_id
        if slot.layer is not None:
            cohort.renumber(slot.layer.cohorts, slot, self.stage.forwarder.control)

    def thin_out(self) -> None:
        slot = self.rng.choice(self.room.slots)
        if slot.kind == "audio":
            slot.set_lean(not slot.is_lean)

    def move(self) -> None:
        self.rng.choice(self.room.watchers).change_address()

    def resend(self) -> None:
        watcher = self.rng.choice(self.room.watchers)
        slot = self.rng.choice(watcher.slots)
        newest = max(watcher.arrivals[slot.ssrc], default=0)
        slot.resend([(newest + self.rng.randrange(-40, 6)) & 0xFFFF for _ in range(5)])


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that few viewers are many chunks. Before the stage, whose memory is made for so many."""
    monkeypatch.setattr(fanout, "CHUNK", 2)
    monkeypatch.setattr(cohort, "CHUNK", 2)
    monkeypatch.setattr(chunk, "CHUNK", 2)


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("is_calm", [True, False], ids=["calm", "sudden"])
def test_no_number_is_used_twice(stage: Stage, seed: int, is_calm: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """``sudden``: people leave, come by other ways and sources begin anew between the chunks of a burst, too."""
    random.seed(seed)  # the first numbers of viewers
    room = WanderingRoom(stage, seed, is_calm)
    walk = Walk(room)
    monkeypatch.setattr(stage.port, "drain", lambda _reads: walk.between_chunks())
    walk.run(STEPS)
    assert not stage.counters["fault_forward"]
    happened = {"arrived", "late", "pictures", "refused", "repaired", "repeated", "restarted", "switched", "wrapped"}
    happened |= set() if is_calm else {"sudden"}
    assert happened <= {name for name, times in room.counts.items() if times}, room.counts

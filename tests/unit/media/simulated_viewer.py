"""A viewer of layered pictures behind a simulated link: budget, cap, ladder and probes, as in the downlink."""

from __future__ import annotations

from media.bwe.allocation import Picture, total_bps
from media.bwe.budget import Budget
from media.bwe.ladder import Ladder, Wish
from media.bwe.loss_cap import LossCap
from media.bwe.probing import Probe
from media.control import QualityLevel
from tests.unit.media.simulated_link import STEP_S, Link, Path

AUDIO_BPS = 40_000
CAMERA = (120_000, 400_000, 1_500_000)
FRAME_STEPS, KEY_FRAMES, KEY_SIZE, PACING = 8, 75, 4.0, 2.5


class SimulatedViewer:
    """``pictures``: what the layers of each take, most important first."""

    def __init__(self, link: Link, *pictures: tuple[int, ...]) -> None:
        self.link = link
        self.budget = Budget(100.0)
        self.ladder = Ladder()
        self.loss_cap = LossCap()
        self.path = Path(link, lambda message, now: self.budget.feed(message, self.path.history, now))
        self.wishes = [Wish(str(index), Picture(costs, len(costs) - 1)) for index, costs in enumerate(pictures)]
        self.frame_steps, self.pacing = FRAME_STEPS, PACING
        self.chosen: list[int | None] = [None] * len(pictures)
        self.is_measured = True
        self.padding_bytes = 0
        self.level = QualityLevel.FULL
        self._streams = [[self.path.history.open_stream() for _ in costs] for costs in pictures]
        self._own = self.path.history.open_stream()
        self._frames: list[tuple[int, int, float]] = []  # picture, layer, bytes left
        self._probe: Probe | None = None
        self._padding_due = 0.0
        self._step = 0
        self._reports: list[tuple[float, float, float]] = []
        self._reported = (0, 0)

    def run(self, seconds: float) -> None:
        for _ in range(round(seconds / STEP_S)):
            if self._step % 20 == 0:
                self._allocate()
            self._send_frames()
            if self._step % 4 == 0:
                self.path.send(100, None)  # sound, which carries no numbers
            self._send_padding()
            self._report()
            self._step += 1
            self.path.advance(STEP_S)

    @property
    def needed_bps(self) -> int:
        return total_bps([wish.picture for wish in self.wishes], self.chosen)

    def _allocate(self) -> None:
        now = self.path.now
        highest = self.loss_cap.update(self.budget.lasting_loss(now), now)
        wished = [wish.picture.costs_bps for wish in self.wishes]
        self.wishes = [
            Wish(wish.id, Picture(costs, min(len(costs) - 1, highest)))
            for wish, costs in zip(self.wishes, wished, strict=True)
        ]
        self.budget.protect(self.wishes[0].picture.cost(0) if self.wishes else 0)
        wanted = sum(wish.picture.cost(wish.picture.ideal) for wish in self.wishes)
        self.is_measured = self.budget.tick(self.needed_bps, wanted, now)
        left = self.budget.limit_bps
        self.chosen = self.ladder.update(
            self.wishes, left, now, is_known=self.budget.is_known(now), is_strained=self.budget.is_strained(now)
        )
        self.level = self.ladder.level(left)
        if self._probe is None:
            self._probe = self.budget.begin_probe(self.needed_bps, wanted, now)
            self._padding_due = 0.0

    def _send_frames(self) -> None:
        if self._step % self.frame_steps == 0:
            is_key = self._step // self.frame_steps % KEY_FRAMES == 0
            for index, layer in enumerate(self.chosen):
                if layer is not None:
                    mean = self.wishes[index].picture.costs_bps[layer] * self.frame_steps * STEP_S / 8
                    self._frames.append((index, layer, mean * (KEY_SIZE if is_key else 0.96)))
        going, self._frames = self._frames, []
        for index, layer, left in going:
            if self.chosen[index] is None:
                continue
            size = min(left, self.wishes[index].picture.costs_bps[layer] * self.pacing * STEP_S / 8)
            self.path.send(max(60, int(size)), self._streams[index][layer] if self.is_measured else None)
            if left > size:
                self._frames.append((index, layer, left - size))

    def _send_padding(self) -> None:
        probe = self._probe
        if probe is None:
            return
        now_us = int(self.path.now * 1_000_000)
        if now_us > probe.until_us:
            self._probe = None
            return
        self._padding_due += (probe.rate_bps - self.needed_bps) * STEP_S / 8
        while self._padding_due > 0:
            self.path.send(probe.packet_bytes, self._own)
            self._padding_due -= probe.packet_bytes
            self.padding_bytes += probe.packet_bytes

    def _report(self) -> None:
        """A receiver report a second, that comes back with the delay of the path."""
        link, now = self.link, self.path.now
        if self._step % 200 == 100:
            sent, dropped = link.sent - self._reported[0], link.dropped - self._reported[1]
            self._reported = (link.sent, link.dropped)
            rtt_s = link.wait_s(now) + 2 * link.delay_s
            self._reports.append((now + rtt_s, dropped / max(1, sent), rtt_s))
        while self._reports and self._reports[0][0] <= now:
            _, loss, rtt_s = self._reports.pop(0)
            self.budget.report(loss, rtt_s, self.needed_bps + AUDIO_BPS, now, AUDIO_BPS)

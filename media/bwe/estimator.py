"""What one viewer's path carries: delay first, losses second, never above what was seen to arrive and then some.

After draft-ietf-rmcat-gcc-02 §5 and §6 with libwebrtc's constants. Pure: feedback and time in, bits per second out.
"""

from __future__ import annotations

from media.bwe.arrival_rate import ArrivalRate
from media.bwe.delay import DelayTrend, Usage
from media.bwe.feedback import Feedback, unwrap_us
from media.bwe.known_capacity import KnownCapacity
from media.bwe.lasting_loss import LastingLoss
from media.bwe.level import DelayLevel
from media.bwe.loss_trial import MAX_INHERENT_LOSS, LossTrial
from media.bwe.send_history import MASK, SendHistory

START_BPS, MIN_BPS, MAX_BPS = 300_000.0, 30_000.0, 30_000_000.0
BACKOFF = 0.85
GROWTH_PER_S = 1.08
RECOVERY_S = 0.5  # without congestion: then what gets through is proven
PROVEN = 0.95
MAX_GROWTH_S = 0.5  # between two feedback messages
HEADROOM, HEADROOM_BPS = 1.5, 10_000.0  # above what arrives nothing is known (gcc-02 §5.5)
LOW_LOSS = 0.02  # beyond the path's own
LOSS_INTERVAL_S = 0.3
MIN_LOSS_SAMPLE = 20
STREAM_GAP_US = 500_000  # after such a pause a stream is counted anew: the viewer may have looked elsewhere
PACKET_BITS = 1200 * 8
_DRAIN_US = 250_000
_NEVER_US = 1 << 62
# The least one-way delay that was seen stands for an empty queue. A queue that stands does not grow, so the trend is
# blind to it. It must be drained, unless it does not go: then the path has become longer.
STANDING_S, PATIENCE_S, SHORT_S = 0.3, 5.0, 0.1
DRAIN_S, MAX_DRAIN = 0.3, 0.6  # so long after another decrease, and no deeper at once
LASTING_S, LASTING_PRIOR = 4.0, 30  # half of it is forgotten in that time; so many packets without loss are assumed
FULL_S, FULL_NOISES, DRAINED_S, CLEAR_S = 0.05, 5.0, 1.0, 1.0
BASE_DRIFT = 0.002  # seconds per second, more than clocks drift


class Estimator:
    """One per viewer that sends feedback."""

    __slots__ = (
        "_arrivals",
        "_base_s",
        "_capacity",
        "_decreased_at",
        "_expected",
        "_gaps",
        "_grown_at",
        "_ignored_from_us",
        "_ignored_until_us",
        "_lasting",
        "_level",
        "_loss_trial",
        "_lossy_at",
        "_ordinal",
        "_received",
        "_seen",
        "_standing_since",
        "_trend",
        "_unclear",
        "bps",
        "congested_at",
        "least_bps",
        "loss",
        "queue_s",
        "rtt_s",
    )

    def __init__(self, start_bps: float = START_BPS) -> None:
        self.bps = start_bps
        self.least_bps = MIN_BPS  # is left whatever the delay does, unless a queue stands
        self.loss = 0.0  # share of the last 300 ms or more
        self.rtt_s = 0.1
        self.queue_s = 0.0  # how long the newest packets waited
        self._base_s: tuple[float, float] | None = None  # the least delay, and when that was said
        self._standing_since: float | None = None
        self.congested_at = float("-inf")
        self._trend = DelayTrend()
        self._level = DelayLevel()
        self._arrivals = ArrivalRate()
        self._seen: dict[int, tuple[int, int]] = {}
        self._expected = self._received = self._gaps = 0
        self._ordinal = -1
        self._lasting = LastingLoss(LASTING_S, LASTING_PRIOR)
        self._unclear = (0, 0, float("inf"))  # lost, expected, since
        self._loss_trial = LossTrial()
        self._lossy_at = self._grown_at = self._decreased_at = float("-inf")
        self._capacity = KnownCapacity()
        self._ignored_from_us = self._ignored_until_us = 0

    def begin(self) -> None:
        """Measurement starts again after a rest: what was before says nothing about the queue of now."""
        self._trend.reset()
        self._seen.clear()
        self._arrivals.begin()
        self._expected = self._received = self._gaps = 0
        self._unclear = (0, 0, float("inf"))
        self._grown_at = float("-inf")

    def forget_path(self) -> None:
        """The client has another address: its queue and its delay are others, what it carries will show."""
        self.begin()
        self._base_s = self._standing_since = None
        self._level = DelayLevel()
        self.queue_s = 0.0
        self._lasting.forget()
        self._loss_trial = LossTrial()

    def lasting_loss(self, now: float) -> float:
        """Of the last seconds, but for what a queue that overflowed has lost: that is the rate's affair."""
        return self._lasting.share(now)

    @property
    def acked_bps(self) -> float:
        """So much arrives; 0 while that is not known."""
        return self._arrivals.bps

    @property
    def noise_s(self) -> float:
        """How much the delay varies."""
        return self._trend.noise_s

    def ignore_queue(self, from_us: int, until_us: int) -> None:
        """A probe overfills the path on purpose: the delay of what is sent from here to there is no complaint."""
        self._ignored_from_us, self._ignored_until_us = from_us, until_us + _DRAIN_US

    def feed(self, feedback: Feedback, history: SendHistory, now: float) -> None:
        """One feedback message."""
        if feedback.ordinal != (self._ordinal + 1) & 0xFF:
            self._seen.clear()  # a message was lost on its way, and with it what it said of packets that arrived
        self._ordinal = feedback.ordinal
        if not feedback.numbers:
            return
        self._take(feedback, history, now)
        self._arrivals.measure()
        self._judge_loss(now)
        usage = self._trend.assess(int(now * 1_000_000))
        if usage is Usage.OVER and self._level.is_raised(self._trend.noise_s):
            self._decrease(now)
        elif usage is Usage.NORMAL:
            self._increase(now)
        else:
            self._grown_at = now  # the queue drains: hold

    def found(self, bps: float) -> None:
        """A probe got through at this rate."""
        self.bps = min(max(self.bps, bps), MAX_BPS)

    def limit(self, bps: float, now: float) -> None:
        """Something else than feedback says that no more gets through."""
        if bps < self.bps:
            self.bps = max(bps, MIN_BPS)
            self.congested_at = self._grown_at = now
            self._loss_trial.end()

    # --- what arrived

    def _take(self, feedback: Feedback, history: SendHistory, now: float) -> None:
        """The inner loop over the packets that arrived."""
        newest = history.next - 1
        times, sizes, streams, places = history.times_us, history.sizes, history.streams, history.places
        add, seen = self._trend.add, self._seen
        ignored_from, ignored_until = self._ignored_from_us, self._ignored_until_us
        arrivals = feedback.arrivals_us
        before_us = self._arrivals.newest_us
        shift = unwrap_us(arrivals[0], before_us) - arrivals[0] if before_us else 0
        size = received = expected = latest = gaps = 0
        shortest = _NEVER_US
        for number, arrival in zip(feedback.numbers, arrivals, strict=True):
            index = number & MASK
            sent = times[index]
            if not sent or (newest - number) & 0xFFFF > MASK:
                continue
            size += sizes[index]
            stream, place = streams[index], places[index]
            before = seen.get(stream)
            if before is None or sent - before[1] > STREAM_GAP_US:
                seen[stream] = (place, sent)
            else:
                received += 1
                if place > before[0]:
                    expected += place - before[0]
                    gaps += place - before[0] > 1
                    seen[stream] = (place, sent)
            if arrival > latest:
                latest = arrival
            if not ignored_from <= sent <= ignored_until:
                add(sent, arrival + shift)
                if arrival - sent < shortest:
                    shortest = arrival - sent
        self._received += received
        self._expected += expected
        self._gaps += gaps
        if latest:
            self._arrivals.note(latest + shift, size)
        if shortest < _NEVER_US:
            self._note_delay((shortest + shift) / 1_000_000, now)
            self._level.add((shortest + shift) / 1_000_000, now)
            self._judge_queue(now)
        self._note_lasting(expected - received, expected, now)

    def _note_lasting(self, lost: int, expected: int, now: float) -> None:
        """What is lost is counted when it has become clear in the second after it that no queue had overflowed."""
        is_full = self.queue_s > max(FULL_S, FULL_NOISES * self.noise_s)
        if is_full or now - self._decreased_at < self.rtt_s + DRAINED_S:
            self._unclear = (0, 0, now)
            return
        before_lost, before_expected, since = self._unclear
        self._unclear = (before_lost + lost, before_expected + expected, min(since, now))
        if now - since >= CLEAR_S:
            self._lasting.add(before_lost + lost, before_expected + expected, now)
            self._unclear = (0, 0, now)

    def _note_delay(self, delay_s: float, now: float) -> None:
        if self._base_s is not None:
            base, said_at = self._base_s
            self.queue_s = delay_s - (base + BASE_DRIFT * (now - said_at))
        if self._base_s is None or self.queue_s <= 0:
            self._base_s, self.queue_s = (delay_s, now), 0.0

    # --- what follows from it

    def _judge_loss(self, now: float) -> None:
        if self._expected < MIN_LOSS_SAMPLE or now - self._lossy_at < LOSS_INTERVAL_S + self.rtt_s:
            return
        self.loss = max(0.0, 1 - self._received / self._expected)
        sure = self.loss - _uncertainty(self.loss, self._expected, self._gaps)
        self._expected = self._received = self._gaps = 0
        self._lossy_at = now
        trial = self._loss_trial
        trial.note(self.loss)
        if not trial.is_complaint(sure):
            return
        if trial.is_in_vain(self.bps):
            self.bps = max(self.bps, min(trial.accept(), self._ceiling))
            return
        self.bps = max(self.bps * (1 - 0.5 * self.loss), MIN_BPS)
        self.congested_at = now
        if sure > MAX_INHERENT_LOSS and self.acked_bps:
            self.bps = max(min(self.bps, self.acked_bps), MIN_BPS)

    def _judge_queue(self, now: float) -> None:
        if self.queue_s < STANDING_S or not self.acked_bps:
            self._standing_since = None
            return
        if self._standing_since is None:
            self._standing_since = now
        if now - self._standing_since > PATIENCE_S and self._base_s is not None:
            self._base_s = (self._base_s[0] + self.queue_s, now)
        elif now - self._decreased_at > self.rtt_s + DRAIN_S:
            self._decreased_at = now
            self.limit(max(BACKOFF * self.acked_bps, MAX_DRAIN * self.bps), now)

    def _decrease(self, now: float) -> None:
        """Packets wait longer and longer.

        Where far less arrives than may be sent, the path has become narrow if a queue stands; else hardly more was
        sent, and a path that has only become longer lets less arrive for a moment. The smallest picture of the stage is
        that hardly more: on a path that is too narrow for it a queue will stand, or losses tell.
        """
        if not self.acked_bps:
            return
        is_far_less = self.acked_bps < 0.5 * self.bps
        is_narrow = self.queue_s > STANDING_S
        least = MIN_BPS if is_narrow else self.least_bps
        self.congested_at = self._grown_at = now
        if now - self._decreased_at < self.rtt_s + 0.1 and not (is_far_less and is_narrow):
            return
        self._decreased_at = now
        self._loss_trial.end()
        if is_narrow or not is_far_less:
            self._capacity.learn(self.acked_bps)
        kept = BACKOFF if self.queue_s > SHORT_S else 1.0  # a queue must be drained; without one it may be jitter
        self.bps = min(self.bps, max(kept * self.acked_bps, least))

    @property
    def _ceiling(self) -> float:
        return HEADROOM * self.acked_bps + HEADROOM_BPS

    def _increase(self, now: float) -> None:
        elapsed = now - self._grown_at
        self._grown_at = now
        if elapsed > MAX_GROWTH_S:
            return  # nothing was sent in between that could have met a limit
        if self.loss > LOW_LOSS + self._loss_trial.inherent or not self.acked_bps:
            return
        ceiling = self._ceiling
        if self.bps >= ceiling:
            return
        if now - self.congested_at > RECOVERY_S and self.queue_s < SHORT_S:
            self.bps = max(self.bps, PROVEN * self.acked_bps)  # layers are sent whole, whatever is estimated
        if self._capacity.is_near(self.bps):
            grown = self.bps + PACKET_BITS / (self.rtt_s + 0.1) * elapsed  # near where it was too much: with care
        else:
            grown = self.bps * GROWTH_PER_S**elapsed
        self.bps = min(grown, ceiling, MAX_BPS)


def _uncertainty(loss: float, expected: int, gaps: int) -> float:
    """Few packets may lie, and the fewer the more are lost at a time: a radio's burst is one event (RFC 5348 §5)."""
    together = max(1.0, loss * expected / gaps) if gaps else 1.0
    return float((loss * (1 - loss) * together / expected) ** 0.5)

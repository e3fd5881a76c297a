"""One viewer's budget: feedback, receiver reports and probes put together, and when all this must be measured. Pure.

Feedback comes for packets that carry a number only, and each message costs; so packets carry it in the first seconds,
while something is left out or the budget is nearly used, while reports show trouble, and for a second in every twenty.
"""

from __future__ import annotations

from media.bwe.estimator import BACKOFF, MIN_BPS, Estimator
from media.bwe.feedback import Feedback
from media.bwe.probing import Probe, Prober
from media.bwe.send_history import SendHistory

BEGINNING_S = 4.0
KNOWN_AFTER_S = 0.5  # of feedback
SILENT_S = 3.0  # numbered packets without feedback: a client that sends none
WINDOW_S, REST_S = 1.0, 19.0
TROUBLE_S = 4.0  # reports that complain are believed for so long
REPORTED_LOSS = 0.02
GROWN_RTT_S = 0.1
RTT_DRIFT_S = 0.005  # per report: a longer path is believed in the end
HEAVY_LOSS = 0.3
REPORT_S = 1.2  # between two reports
CLOSE = 0.8  # of the budget used: too near to rest
MARGIN = 1.5  # what is found beyond all wishes, so that it can rest
BLIND_LOSS, BLIND_S = 0.10, 5.0  # without feedback
BLIND_GROWTH_PER_S = 1.05
STALE_S = 2.0
STRAIN_S = 2.0
PROTECTED, MOST_PROTECTED_BPS = 1.5, 250_000.0  # of a camera's smallest picture, which takes more with a keyframe
FORGIVEN_LOSS = 0.025  # below it no layer is held back for loss (loss_cap.py); until then it must be seen to pass


class Budget:
    """``limit_bps`` is None when nothing is known that would limit."""

    __slots__ = (
        "_blind_bps",
        "_blind_since",
        "_fed_at",
        "_first_fed_at",
        "_is_proven",
        "_measured_since",
        "_min_rtt_s",
        "_numbered_at",
        "_numbered_s",
        "_prober",
        "_rest_s",
        "_rest_since",
        "_trouble_until",
        "estimator",
    )

    def __init__(self, now: float, phase: float = 1.0) -> None:
        """``phase``: of the first rest, that part is kept. Who has come together need not be measured together."""
        self.estimator = Estimator()
        self._prober = Prober()
        self._numbered_s = 0.0  # so long has something with numbers been sent
        self._numbered_at: float | None = None
        self._first_fed_at: float | None = None
        self._fed_at = float("-inf")
        self._is_proven = False  # a rate has been seen to arrive
        self._measured_since: float | None = None
        self._rest_since = now
        self._rest_s = REST_S * phase
        self._trouble_until = float("-inf")
        self._min_rtt_s = float("inf")
        self._blind_bps: float | None = None
        self._blind_since: float | None = None

    @property
    def has_feedback(self) -> bool:
        return self._first_fed_at is not None

    def lasting_loss(self, now: float) -> float:
        """Share of what is sent to the viewer, by his feedback, smoothed."""
        return self.estimator.lasting_loss(now)

    def protect(self, bps: float) -> None:
        """The smallest picture of the stage takes so much: delay that only varies does not take it away."""
        self.estimator.least_bps = min(max(MIN_BPS, PROTECTED * bps), MOST_PROTECTED_BPS)

    @property
    def limit_bps(self) -> float | None:
        """What may be sent; a careful beginning until it is known whether feedback comes."""
        if self.has_feedback or not self.is_silent:
            return self.estimator.bps
        return self._blind_bps

    def is_known(self, now: float) -> bool:
        """Whether it may be held against what is sent; before that the smallest layers go out as they are."""
        if self._first_fed_at is not None:
            return self._is_proven and now - self._first_fed_at >= KNOWN_AFTER_S
        return self._blind_bps is not None

    def is_strained(self, now: float) -> bool:
        """Whether the path was too narrow just now. Else the estimate is what is proven, not what is possible."""
        return now - self.estimator.congested_at < STRAIN_S or self._blind_since is not None

    def is_troubled(self, now: float) -> bool:
        """Whether reports have complained just now, or the path is another."""
        return now < self._trouble_until

    def _is_fresh(self, now: float) -> bool:
        return now - self._fed_at < STALE_S

    # --- what is heard

    def feed(self, feedback: Feedback, history: SendHistory, now: float) -> None:
        if self._first_fed_at is None:
            self._first_fed_at = now
        self._fed_at = now
        estimator = self.estimator
        found = self._prober.take(feedback, history, now)
        estimator.feed(feedback, history, now)
        self._is_proven = self._is_proven or estimator.acked_bps > 0
        if found is not None:
            estimator.found(found)

    def report(
        self, loss: float | None, rtt_s: float | None, sent_bps: float, now: float, sound_bps: float = 0.0
    ) -> None:
        """A receiver report. ``loss`` is that of its worst block, None when no block says anything of the path; sound
        is a part of what is sent."""
        if rtt_s is not None:
            self.estimator.rtt_s += 0.3 * (rtt_s - self.estimator.rtt_s)
            self._min_rtt_s = min(self._min_rtt_s + RTT_DRIFT_S, rtt_s)
            if rtt_s > self._min_rtt_s + GROWN_RTT_S:
                self._trouble_until = now + TROUBLE_S
        if loss is None:
            return
        if loss > REPORTED_LOSS:
            self._trouble_until = now + TROUBLE_S
        if not self.has_feedback:
            self._judge_blindly(loss, sent_bps, now)
        elif loss > HEAVY_LOSS and self._may_limit(now):
            self.estimator.limit(BACKOFF * sent_bps * (1 - loss) - sound_bps, now)

    def _may_limit(self, now: float) -> bool:
        """Feedback says it better; and a report is about what was sent before the last step down for a while."""
        is_old_news = now - self.estimator.congested_at < self.estimator.rtt_s + REPORT_S
        return not is_old_news and not self._is_fresh(now)

    def _judge_blindly(self, loss: float, sent_bps: float, now: float) -> None:
        """A client without feedback is unlimited until it has lost much for a while."""
        if loss <= BLIND_LOSS:
            self._blind_since = None
            if self._blind_bps is not None:
                self._blind_bps *= BLIND_GROWTH_PER_S
            return
        if self._blind_since is None:
            self._blind_since = now
        elif now - self._blind_since >= BLIND_S:
            self._blind_since = now
            self._blind_bps = max(sent_bps * (1 - loss), 30_000.0)

    def handle_moved(self, now: float) -> None:
        """Another path: it is measured anew, from where the old one was left."""
        self.estimator.forget_path()
        self._min_rtt_s = float("inf")
        self._trouble_until = now + BEGINNING_S

    # --- what to do

    def tick(self, needed_bps: float, wanted_bps: float, now: float, is_sending: bool = True) -> bool:
        """Whether packets shall carry numbers. ``needed`` is what is sent, ``wanted`` what would be without limits.

        ``is_sending``: there are packets that can carry them.
        """
        self._count_numbered(is_sending, now)
        found = self._prober.tick(now, self.estimator.rtt_s)
        if found is not None:
            self.estimator.found(found)
        is_needed = self._must_measure(needed_bps, wanted_bps, now)
        if self._measured_since is None:
            is_rested = now - self._rest_since >= self._rest_s
            if is_needed or is_rested:
                self._measured_since = now
                self._rest_s = REST_S if is_rested else self._rest_s
                self.estimator.begin()
        elif not is_needed and now - self._measured_since >= WINDOW_S:
            self._measured_since = None
            self._rest_since = now
        return self._measured_since is not None

    def _must_measure(self, needed_bps: float, wanted_bps: float, now: float) -> bool:
        if self.is_silent:
            return False
        if self._numbered_s < BEGINNING_S or self.is_troubled(now) or self._prober.probe is not None:
            return True
        if self.lasting_loss(now) > FORGIVEN_LOSS:
            return True
        return self.has_feedback and self._target(needed_bps, wanted_bps) > self.estimator.bps

    @property
    def is_silent(self) -> bool:
        """Whether this client seems to send no feedback at all."""
        return not self.has_feedback and self._numbered_s > SILENT_S

    def _count_numbered(self, is_sending: bool, now: float) -> None:
        if self._numbered_at is not None:
            self._numbered_s += now - self._numbered_at
        self._numbered_at = now if is_sending and self._measured_since is not None else None

    def begin_probe(self, needed_bps: float, wanted_bps: float, now: float) -> Probe | None:
        """A probe to send now, if any: the caller sends numbered padding until its end."""
        if self._measured_since is None or not self.has_feedback:
            return None
        estimator = self.estimator
        target = self._target(needed_bps, wanted_bps)
        probe = self._prober.begin(now, estimator.bps, target, estimator.congested_at, estimator.noise_s)
        if probe is not None:
            estimator.ignore_queue(probe.from_us, probe.until_us)
        return probe

    def _target(self, needed_bps: float, wanted_bps: float) -> float:
        """The rate at which nothing more need be looked for."""
        return max(MARGIN * wanted_bps, needed_bps / CLOSE)

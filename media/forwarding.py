"""Collects what one drain of the socket brought and fans it out; sound passes between the chunks of a picture."""

from __future__ import annotations

import logging
from collections.abc import Callable

from media.clock import Clock
from media.cohort import NUMBER_BYTES, Cohort
from media.fanout import MAX_PACKET, FanOut
from media.layer import Layer
from media.sendmmsg import SegmentControl
from media.stats import Counters
from media.udp import DatagramPort

logger = logging.getLogger(__name__)
POLL_READS = 16
MAX_POLLING_S = 0.05  # then the burst ends with what it has, so that timers and calls get their turn
MAX_LOGGED_FAULTS = 10
REPORTS_KEPT = 16  # one comes a second; an answer may take long
SENT_BESIDE = NUMBER_BYTES + 16  # of every measured packet: the number and the SRTP tag


class Forwarder:
    """Between the chunks of a burst datagrams are read: members may join, leave or change their address meanwhile."""

    def __init__(self, port: DatagramPort, clock: Clock, counters: Counters) -> None:
        self._port = port
        self._now = clock.monotonic
        self._counters = counters
        self._fan_out = FanOut(port, counters, self._between_chunks)
        self._queue: list[Layer] = []
        self._links: dict[Callable[[], None], None] = {}
        self._is_flushing = False
        self._polls_until = 0.0

    @property
    def control(self) -> SegmentControl | None:
        return self._fan_out.control

    def handle_pending(self, layer: Layer) -> None:
        """A layer has its first packet of this drain."""
        self._queue.append(layer)

    def handle_pending_link(self, send: Callable[[], None]) -> None:
        """Another worker is to get what came in this drain: in one piece, or its bursts would be in pieces, too."""
        self._links[send] = None

    def flush(self) -> None:
        """Sends everything that is pending, other workers' share first, then sound."""
        if self._is_flushing:
            return
        self._send_links()
        self._is_flushing = True
        self._polls_until = self._now() + MAX_POLLING_S
        try:
            while self._queue:
                batch, self._queue = self._queue, []
                batch.sort(key=_is_video)
                for layer in batch:
                    self._flush_one(layer)
        finally:
            self._is_flushing = False

    def forward_report(self, layer: Layer, build: Callable[[int, int, int, int], bytes]) -> None:
        """A sender report for every cohort; ``build`` gets SSRC, timestamp delta, packets and octets."""
        for cohort in layer.cohorts.values():
            key = cohort.key
            report = build(key.ssrc, cohort.base.timestamp, cohort.packets, cohort.octets)
            _remember_report(layer, report, self._now())
            self._fan_out.send_rtcp(cohort.chunks, report, key.tag_size)

    def _between_chunks(self) -> None:
        """Reads a little, and lets sound that came in out at once."""
        if self._now() >= self._polls_until:
            return
        self._port.drain(POLL_READS)
        self._send_links()
        voices = [layer for layer in self._queue if layer.kind == "audio"]
        if not voices:
            return
        self._queue = [layer for layer in self._queue if layer.kind != "audio"]
        for layer in voices:
            self._flush_one(layer)

    def _send_links(self) -> None:
        links, self._links = self._links, {}
        for send in links:
            send()

    def _flush_one(self, layer: Layer) -> None:
        packets, layer.pending = layer.pending, []
        layer.is_pending = False
        try:
            self._send_segments(layer, packets)
        except Exception:  # one publication's fault must not end the loop for the others
            self._counters["fault_forward"] += 1
            if self._counters["fault_forward"] <= MAX_LOGGED_FAULTS:
                logger.exception("forwarding of a %s publication failed", layer.source)

    def _send_segments(self, layer: Layer, packets: list[bytes | None]) -> None:
        """Splits at the marks where waiting slots begin."""
        segment: list[bytes] = []
        begins = False
        beginnings = layer.beginnings
        for packet in packets:
            if packet is None:
                self._send(layer, segment)
                if layer.beginnings != beginnings:
                    return
                segment = []
                begins = True
                continue
            if begins:
                layer.promote(packet, self._now())
                begins = False
            segment.append(packet)
        self._send(layer, segment)

    def _send(self, layer: Layer, packets: list[bytes]) -> None:
        if not packets:
            return
        now = self._now()
        is_video = layer.kind == "video"
        # Those who are measured first: the nearer their time of sending is to the one that is noted, the better.
        cohorts = sorted(layer.cohorts.values(), key=_is_unnumbered)
        first = self._number(layer, cohorts, packets, now)
        for cohort in cohorts:
            written = cohort.take(packets, now, MAX_PACKET)
            if not written:
                continue
            if cohort.key.number_id:
                late = len(packets) - len(written)  # what was left out came before the others
                written = [cohort.numbered(packet, first + late + at) for at, packet in enumerate(written)]
            self._fan_out.send(cohort.chunks, written, cohort.key.tag_size, is_video)

    def _number(self, layer: Layer, cohorts: list[Cohort], packets: list[bytes], now: float) -> int:
        """A transport-wide number for each packet, the same in all cohorts; returns the first's."""
        if not cohorts or not cohorts[0].key.number_id:
            return 0
        if layer.numbers is None:
            history = cohorts[0].chunks[0].members[0].send_history
            if history is None:
                raise ValueError("a slot is measured without a table of numbers")
            layer.numbers = history.open_stream()
        return layer.numbers.note([len(packet) + SENT_BESIDE for packet in packets], int(now * 1_000_000))


def _is_unnumbered(cohort: Cohort) -> bool:
    return not cohort.key.number_id


def _remember_report(layer: Layer, report: bytes, now: float) -> None:
    """Receiver reports name it, and so tell the round trip (RFC 3550 §6.4.1)."""
    layer.reports[int.from_bytes(report[10:14], "big")] = now
    while len(layer.reports) > REPORTS_KEPT:
        del layer.reports[next(iter(layer.reports))]


def _is_video(layer: Layer) -> bool:
    return layer.kind == "video"

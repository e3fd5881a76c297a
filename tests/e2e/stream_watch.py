"""Follows what a page receives and sends over time: getStats every quarter of a second, kept in the page.

Counters of a connection that was replaced go on from where the former one stood. Must not know profiles or targets.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

from playwright.async_api import Page

EVERY_MS = 200
NO_GAP_MS = 2 * EVERY_MS  # between two samples and the next two something is always seen to come
CAUSED_MS = 1000  # what had been received already goes on for a while

# A sample's times are Date.now(): all browsers of a test read the same clock as the test itself.
_FOLLOW = """(everyMs) => {
  if (window.__samples) return;
  window.__samples = []; const serials = new WeakMap(); let serial = 0; let busy = false;
  setInterval(async () => {
    const pc = window.__huitang && window.__huitang.pc;
    if (!pc || busy) return;
    busy = true;
    if (!serials.has(pc)) serials.set(pc, ++serial);
    try {
      const report = await pc.getStats();
      const sample = {at: Date.now(), connection: serials.get(pc), state: pc.connectionState,
                      video: [], audio: [], sent: [], tcp: false, rtt: null};
      report.forEach(s => {
        if (s.type === 'inbound-rtp' && s.kind === 'video' && s.packetsReceived > 0)
          sample.video.push({mid: s.mid, frames: s.framesDecoded || 0, height: s.frameHeight || 0,
            freezes: s.freezeCount || 0, freezeS: s.totalFreezesDuration || 0, lost: s.packetsLost,
            packets: s.packetsReceived, bytes: s.bytesReceived, nacks: s.nackCount || 0, plis: s.pliCount || 0,
            resent: s.retransmittedPacketsReceived || 0});
        else if (s.type === 'inbound-rtp' && s.kind === 'audio' && s.packetsReceived > 0)
          sample.audio.push({mid: s.mid, packets: s.packetsReceived, lost: s.packetsLost, nacks: s.nackCount || 0,
            samples: s.totalSamplesReceived || 0, concealed: s.concealedSamples || 0,
            silent: s.silentConcealedSamples || 0, fec: s.fecPacketsReceived || 0,
            resent: s.retransmittedPacketsReceived || 0});
        else if (s.type === 'outbound-rtp')
          sample.sent.push({kind: s.kind, rid: s.rid || '', mid: s.mid, active: s.active !== false,
            frames: s.framesEncoded || 0, height: s.frameHeight || 0, bytes: s.bytesSent,
            limited: s.qualityLimitationReason || ''});
        else if (s.type === 'transport' && s.selectedCandidatePairId) {
          const pair = report.get(s.selectedCandidatePairId);
          const remote = pair && report.get(pair.remoteCandidateId);
          sample.tcp = !!remote && remote.protocol === 'tcp';
          sample.rtt = pair && pair.currentRoundTripTime !== undefined ? pair.currentRoundTripTime * 1000 : null;
        }
      });
      window.__samples.push(sample);
    } catch (error) { /* closed meanwhile */ } finally { busy = false; }
  }, everyMs);
}"""
_TAKE = "() => window.__samples.splice(0)"


@dataclass(frozen=True, slots=True)
class Stretch:
    """What a viewer got of one person between two moments; times in ms."""

    seconds: float
    frames: int
    freezes: int
    freeze_ms: float
    longest_gap_ms: float
    heights: tuple[int, ...]  # of each sample in which frames came
    sound_samples: int
    concealed: int
    silent: int

    @property
    def freeze_share(self) -> float:
        return self.freeze_ms / 1000 / self.seconds if self.seconds else 1.0

    @property
    def sound_share(self) -> float:
        """Of all samples played, those that came from the speaker; silence that was made up counts as missing."""
        return 1 - self.concealed / self.sound_samples if self.sound_samples else 0.0

    @property
    def fps(self) -> float:
        return self.frames / self.seconds if self.seconds else 0.0

    def report(self) -> dict[str, Any]:
        return {
            "seconds": round(self.seconds, 1),
            "fps": round(self.fps, 1),
            "freezes": self.freezes,
            "freeze_percent": round(self.freeze_share * 100, 2),
            "longest_gap_ms": round(self.longest_gap_ms),
            "heights": sorted(set(self.heights)),
            "last_height": self.heights[-1] if self.heights else 0,
            "sound_percent": round(self.sound_share * 100, 2),
            "silent_percent": round(100 * self.silent / self.sound_samples, 2) if self.sound_samples else None,
        }


_COUNTERS = ("frames", "freezes", "freezeS", "samples", "concealed", "silent", "packets")


@dataclass(frozen=True, slots=True)
class Moment:
    """One sample: sums over the lines that carry the others, continuous over connections."""

    at_ms: float
    connection: int
    state: str
    height: int
    totals: dict[str, float]
    tcp: bool

    def __sub__(self, earlier: Moment) -> dict[str, float]:
        return {name: self.totals[name] - earlier.totals[name] for name in _COUNTERS}


@dataclass
class Watch:
    """One page's samples from the moment at which it was asked for."""

    page: Page
    samples: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    async def begin(cls, page: Page) -> Watch:
        """Every page that is opened from now on is followed from its first connection on."""
        await page.context.add_init_script(f"({_FOLLOW})({EVERY_MS})")
        return cls(page)

    async def fetch(self) -> None:
        """Takes over what the page has kept so far."""
        self.samples.extend(await self.page.evaluate(_TAKE))

    @property
    def moments(self) -> list[Moment]:
        return moments(self.samples)

    def stretch(self, begin_ms: float, end_ms: float) -> Stretch:
        return stretch(self.moments, begin_ms, end_ms)


def moments(samples: list[dict[str, Any]]) -> list[Moment]:
    """Each line's growth is added up by itself: those of a connection that replaces another begin at zero."""
    totals = dict.fromkeys(_COUNTERS, 0.0)
    before: dict[tuple[int, str, str], dict[str, Any]] = {}
    found = []
    for sample in samples:
        for kind in ("video", "audio"):
            for line in sample[kind]:
                key = (sample["connection"], kind, line["mid"])
                former = before.get(key, {})
                for name in _COUNTERS:
                    totals[name] += line.get(name, 0) - former.get(name, 0)
                before[key] = line
        height = max((line["height"] for line in sample["video"]), default=0)
        found.append(Moment(sample["at"], sample["connection"], sample["state"], height, dict(totals), sample["tcp"]))
    return found


def stretch(all_moments: list[Moment], begin_ms: float, end_ms: float) -> Stretch:
    """The figures between two moments of the sampled time."""
    inside = [moment for moment in all_moments if begin_ms <= moment.at_ms <= end_ms]
    if len(inside) < 2:
        return Stretch(0.0, 0, 0, 0.0, end_ms - begin_ms, (), 0, 0, 0)
    grown = inside[-1] - inside[0]
    return Stretch(
        seconds=(inside[-1].at_ms - inside[0].at_ms) / 1000,
        frames=int(grown["frames"]),
        freezes=int(grown["freezes"]),
        freeze_ms=grown["freezeS"] * 1000,
        longest_gap_ms=longest_gap_ms(inside, "frames")[0],
        heights=tuple(b.height for a, b in pairwise(inside) if (b - a)["frames"] > 0),
        sound_samples=int(grown["samples"]),
        concealed=int(grown["concealed"]),
        silent=int(grown["silent"]),
    )


def interruption_end_ms(all_moments: list[Moment], counter: str, event_ms: float) -> float:
    """When what an event interrupted went on: ``event_ms`` if nothing was, infinity while it does not go on.

    Only gaps that the event can have caused count, which begin before it or within a second.
    """
    gaps = [
        (begin, end) for begin, end in _gaps(all_moments, counter) if begin < event_ms + CAUSED_MS and end > event_ms
    ]
    begin, end = max(gaps, key=lambda gap: gap[1] - gap[0], default=(event_ms, event_ms))
    return end if end - begin > NO_GAP_MS else event_ms


def _gaps(inside: list[Moment], counter: str) -> Iterator[tuple[float, float]]:
    """From one growth to the next; the last has no end."""
    last_at = inside[0].at_ms if inside else 0.0
    for a, b in pairwise(inside):
        if (b - a)[counter] > 0:
            yield last_at, b.at_ms
            last_at = b.at_ms
    yield last_at, float("inf")


def longest_gap_ms(inside: list[Moment], counter: str) -> tuple[float, float]:
    """The longest time in which a counter did not grow, and when it grew again; as fine as the samples are."""
    longest, ended_at, last_at = 0.0, inside[0].at_ms, inside[0].at_ms
    for a, b in pairwise(inside):
        if (b - a)[counter] > 0:
            if b.at_ms - last_at > longest:
                longest, ended_at = b.at_ms - last_at, b.at_ms
            last_at = b.at_ms
    if inside[-1].at_ms - last_at > longest:
        longest, ended_at = inside[-1].at_ms - last_at, float("inf")
    return longest, ended_at

"""The weak networks that the product promises to live with. Data only.

Delays are one way and hold in each direction, so a round trip takes twice as long.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from tests.netsim.shaper import Impairments


@dataclass(frozen=True, slots=True)
class Profile:
    """A client's network, both ways."""

    name: str
    up: Impairments
    down: Impairments
    described: str

    @property
    def reordering(self) -> Profile:
        """The same figures with a delay of its own for each packet."""
        return replace(
            self,
            name=f"{self.name}-reordering",
            up=replace(self.up, reorders=True),
            down=replace(self.down, reorders=True),
        )


def _both_ways(name: str, described: str, shape: Impairments) -> Profile:
    return Profile(name, shape, shape, described)


CLEAR = _both_ways("clear", "nothing in the way", Impairments())
BLACKHOLE = _both_ways("blackhole", "nothing comes through", Impairments(blackhole=True))
_ALL = (
    _both_ways("good", "20 ms", Impairments(delay_ms=20)),
    _both_ways("4g", "60 ± 30 ms, 1 % lost", Impairments(delay_ms=60, jitter_ms=30, loss=0.01)),
    _both_ways(
        "busy-wifi",
        "40 ± 60 ms, 5 % lost in bursts of 4",
        Impairments(delay_ms=40, jitter_ms=60, burst_loss=0.05, burst_packets=4),
    ),
    _both_ways("bad", "150 ± 100 ms, 10 % lost", Impairments(delay_ms=150, jitter_ms=100, loss=0.10)),
    _both_ways("edge", "150 kbit/s, 300 ms", Impairments(delay_ms=300, rate_bps=150_000)),
    _both_ways("tunnel", "60 ms, then nothing for 10 s", Impairments(delay_ms=60)),
    _both_ways("switch", "40 ms, then another address", Impairments(delay_ms=40)),
    _both_ways("udp-blocked", "no UDP at all", Impairments(blackhole=True)),
)
PROFILES = {profile.name: profile for profile in _ALL}
TUNNEL_S = 10.0

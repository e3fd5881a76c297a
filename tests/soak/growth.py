"""Memory of an installation's processes over a soak: where it began, where it ended, how fast it grows."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import Any

from tests.bench.machine import resident_kib
from tests.e2e.installation import Installation

NAMES = ("server", "media-0", "recorder-0")


@dataclass
class Growth:
    home: Installation
    samples: dict[str, list[tuple[float, float]]] = field(default_factory=dict)  # name → (hours, MiB)
    began_s: float = field(default_factory=time.monotonic)

    def note(self) -> None:
        """Takes a sample of each process that runs."""
        hours = (time.monotonic() - self.began_s) / 3600
        for name in NAMES:
            pid = self.home.pid_of(name)
            if pid is not None:
                self.samples.setdefault(name, []).append((hours, resident_kib(pid) / 1024))

    def report(self) -> dict[str, dict[str, Any]]:
        return {
            name: {
                "first_mib": round(found[0][1], 1),
                "last_mib": round(found[-1][1], 1),
                "slope_mib_per_h": round(slope(found), 2),
            }
            for name, found in self.samples.items()
        }


def slope(points: list[tuple[float, float]]) -> float:
    """Least squares; 0 for a single point."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    spread = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / spread if spread else 0.0

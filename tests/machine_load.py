"""How busy the machine of the tests is: what runs beside one takes time from it."""

from __future__ import annotations

import os

MOST = 3.0  # beyond that a limit would not tell late from never; and what is tested is a part of the load


def programs_per_core() -> float:
    """So many programs wanted each core in the last minute, from 1 to 3. Limits on time are to be multiplied by it."""
    return min(max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1)), MOST)

"""How busy the machine of the tests is: what runs beside one takes time from it, and no network or server did that."""

from __future__ import annotations

import os


def programs_per_core() -> float:
    """So many programs wanted each core in the last minute; at least 1. Limits on time are to be multiplied by it."""
    return max(1.0, os.getloadavg()[0] / (os.cpu_count() or 1))

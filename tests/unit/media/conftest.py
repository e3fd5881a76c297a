"""Fixtures of the media unit tests: captured offers, a clock that stands still, small RTP packets."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

# No test judges wall-clock time, and a shared machine may stall for a while.
settings.register_profile("media", deadline=None)
settings.load_profile("media")

SDP = Path(__file__).resolve().parents[2] / "fixtures" / "sdp"


class FrozenClock:
    """Time passes only when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        return self.now

    def utc_us(self) -> int:
        return int((self.now + 1_700_000_000) * 1_000_000)


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


@pytest.fixture(params=["chromium", "chromium-simulcast", "firefox", "firefox-simulcast"])
def captured_offer(request: pytest.FixtureRequest) -> str:
    return read_offer(request.param)


def read_offer(name: str) -> str:
    """An offer as the browser made it: 1 microphone, 2 videos, 1 shared sound, 3 audio and 4 video slots."""
    return (SDP / f"{name}.sdp").read_bytes().decode()


def rtp(sequence: int, timestamp: int = 0, ssrc: int = 7, payload: bytes = b"payload", payload_type: int = 96) -> bytes:
    """A packet without extensions."""
    return (
        bytes((0x80, payload_type))
        + (sequence & 0xFFFF).to_bytes(2, "big")
        + (timestamp & 0xFFFFFFFF).to_bytes(4, "big")
        + ssrc.to_bytes(4, "big")
        + payload
    )

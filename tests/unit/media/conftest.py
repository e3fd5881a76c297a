"""Fixtures of the media unit tests: captured offers, a clock that stands still, small RTP packets."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings as hypothesis_settings

from media import fanout
from media.control import ControlModel
from media.plane import MediaPlane
from media.settings import Settings

if TYPE_CHECKING:
    from tests.unit.media.stage import Stage
    from tests.unit.media.studio import Studio

# No test judges wall-clock time, and a shared machine may stall for a while.
hypothesis_settings.register_profile("media", deadline=None)
hypothesis_settings.load_profile("media")

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


@pytest.fixture
async def studio(clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Studio]:
    # Here, because that module needs this one.
    from tests.unit.media.studio import Studio

    settings = Settings.from_env(
        {"SERVER_URL": "http://127.0.0.1:1", "WORKER_TOKEN": "t", "MEDIA_TAP_DIR": str(tmp_path)}
    )
    events: list[ControlModel] = []
    plane = MediaPlane(settings, events.append, clock)
    await plane.start()
    made = Studio(plane, clock, events)
    yield made
    for client in made.clients:
        await client.close()
    await plane.close()


@pytest.fixture
async def annex(studio: Studio, clock: FrozenClock, tmp_path: Path) -> AsyncIterator[Studio]:
    """A second worker that carries the studio's room, each linked to the other."""
    # Here, because that module needs this one.
    from tests.unit.media.studio import Studio, link

    settings = Settings.from_env(
        {"SERVER_URL": "http://127.0.0.1:1", "WORKER_TOKEN": "t", "MEDIA_TAP_DIR": str(tmp_path / "second")}
    )
    events: list[ControlModel] = []
    plane = MediaPlane(settings, events.append, clock)
    await plane.start()
    made = Studio(plane, clock, events)
    link(studio, made, primary=True)
    link(made, studio, primary=False)
    yield made
    for client in made.clients:
        await client.close()
    await plane.close()


@pytest.fixture(params=["bulk", "singly"])
def stage(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Stage]:
    """Both ways of sending: in bulk, and one by one as on systems without sendmmsg."""
    # Here, because that module needs this one.
    from tests.unit.media.stage import Stage

    if request.param == "singly":
        monkeypatch.setattr(fanout, "is_available", lambda: False)
    made = Stage()
    yield made
    made.port.close(lambda _descriptor: None)
    for viewer in made.viewers:
        viewer.socket.close()

"""FFmpeg's own WHIP muxer against the plane: its default certificate (P-224) and one of P-256, in both DTLS roles."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import web

from media import control
from media.aiortc_adapter import Certificate
from media.control import ControlModel, PublicationMedia
from media.plane import MediaPlane
from media.settings import Settings
from tests.integration.media.browser_page import ALL_GRANTS
from tests.integration.media.control_server import until

pytestmark = pytest.mark.integration


class Endpoint:
    """The least that the muxer needs: POST with an offer, DELETE."""

    def __init__(self, folder: Path) -> None:
        self.events: list[ControlModel] = []
        environment = {"SERVER_URL": "http://127.0.0.1:1", "WORKER_TOKEN": "t", "MEDIA_TAP_DIR": str(folder)}
        self.plane = MediaPlane(Settings.from_env(environment), self.events.append)
        application = web.Application()
        application.router.add_post("/whip", self._publish)
        application.router.add_delete("/whip/1", self._end)
        self._runner = web.AppRunner(application, shutdown_timeout=0.1)
        self.is_deleted = False

    async def start(self) -> str:
        await self.plane.start()
        self.plane.open_room(control.RoomOpen(room_id="r"))
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", 0).start()
        return f"http://127.0.0.1:{self._runner.addresses[0][1]}/whip"

    async def stop(self) -> None:
        await self._runner.cleanup()
        await self.plane.close()

    async def _publish(self, request: web.Request) -> web.Response:
        answer = self.plane.offer(
            control.TransportOffer(room_id="r", participant_id="e", sdp=await request.text(), grants=ALL_GRANTS)
        )
        headers = {"Location": "/whip/1"}
        return web.Response(status=201, text=answer.sdp, content_type="application/sdp", headers=headers)

    async def _end(self, _request: web.Request) -> web.Response:
        self.is_deleted = True
        return web.Response()


@pytest.fixture
async def endpoint(tmp_path: Path) -> AsyncIterator[tuple[Endpoint, str]]:
    made = Endpoint(tmp_path)
    yield made, await made.start()
    await made.stop()


@pytest.mark.parametrize("role", ["ffmpeg is the DTLS server", "ffmpeg is the DTLS client"])
@pytest.mark.parametrize("group", ["P-224", "P-256"])
async def test_ffmpeg_publishes(endpoint: tuple[Endpoint, str], tmp_path: Path, role: str, group: str) -> None:
    options = {"whip_flags": "dtls_active"} if role.endswith("client") else {}
    if group == "P-256":
        for name, text in zip(("cert_file", "key_file"), Certificate().pem(), strict=True):
            path = tmp_path / name
            path.write_bytes(text)
            options[name] = str(path)
    made, url = endpoint
    pusher = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.media.whip_push", url, json.dumps(options))
    )
    async with asyncio.timeout(30):
        assert await pusher.wait() == 0
    await until(lambda: made.is_deleted, "the muxer's DELETE")
    counters = made.plane.counters
    assert counters["dtls_connected"] == 1
    assert counters["drop_srtp"] == counters["fault_packet"] == 0
    flowing = {
        event.publication_id: event.codec
        for event in made.events
        if isinstance(event, PublicationMedia) and event.flowing
    }
    assert flowing == {"e:microphone": "opus", "e:camera": "H264"}
    assert counters["rtp_in"] > 150

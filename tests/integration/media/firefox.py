"""Debian's firefox-esr as a client, driven over WebDriver BiDi (W3C) on a websocket: no driver program is needed."""

from __future__ import annotations

import asyncio
import contextlib
import json
import re
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp

FIREFOX = "/usr/bin/firefox-esr"
PREFERENCES: dict[str, Any] = {
    "media.navigator.streams.fake": True,
    "media.navigator.permission.disabled": True,
    "media.autoplay.default": 0,
    "media.devices.insecure.enabled": True,
    "media.getusermedia.insecure.enabled": True,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "media.peerconnection.ice.default_address_only": False,
    "media.peerconnection.ice.link_local": True,
    "media.peerconnection.ice.proxy_only_if_behind_proxy": False,
    "media.gmp-manager.updateEnabled": False,
    "network.proxy.type": 0,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "app.update.enabled": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "browser.safebrowsing.downloads.remote.enabled": False,
    "remote.active-protocols": 1,
}


class FirefoxPage:
    """One tab. ``evaluate`` has the shape of Playwright's, so that the same client drives both browsers."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._id = 0
        self._context = ""

    async def open(self) -> None:
        await self._command("session.new", capabilities={})
        tree = await self._command("browsingContext.getTree")
        self._context = tree["contexts"][0]["context"]

    async def goto(self, url: str) -> None:
        await self._command("browsingContext.navigate", context=self._context, url=url, wait="complete")

    async def evaluate(self, function: str, argument: Any = None) -> Any:
        """Calls an async function with one JSON argument; its result travels as JSON."""
        source = function if "=>" in function else f"() => {function}"
        expression = f"(async () => JSON.stringify(await ({source})({json.dumps(argument)})) ?? 'null')()"
        reply = await self._command(
            "script.evaluate", expression=expression, target={"context": self._context}, awaitPromise=True
        )
        assert reply["type"] == "success", reply
        return json.loads(reply["result"]["value"])

    async def _command(self, method: str, **parameters: Any) -> dict[str, Any]:
        self._id += 1
        await self._socket.send_json({"id": self._id, "method": method, "params": parameters})
        while True:
            reply = await self._socket.receive_json(timeout=30)
            if reply.get("id") == self._id:
                assert reply["type"] == "success", reply
                result: dict[str, Any] = reply["result"]
                return result


@contextlib.asynccontextmanager
async def firefox() -> AsyncIterator[FirefoxPage]:
    """A fresh profile and process."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        lines = [f"user_pref({json.dumps(name)}, {json.dumps(value)});" for name, value in PREFERENCES.items()]
        Path(folder, "user.js").write_text("\n".join(lines))
        process = await asyncio.create_subprocess_exec(
            *(FIREFOX, "--headless", "--no-remote", "--remote-debugging-port", "0", "--profile", folder),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        try:
            url = await asyncio.wait_for(_endpoint(process), 40)
            async with aiohttp.ClientSession() as session, session.ws_connect(url, max_msg_size=1 << 24) as socket:
                page = FirefoxPage(socket)
                await page.open()
                yield page
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            await process.wait()


async def _endpoint(process: asyncio.subprocess.Process) -> str:
    assert process.stderr is not None
    while line := (await process.stderr.readline()).decode(errors="replace"):
        found = re.search(r"WebDriver BiDi listening on (ws://\S+)", line)
        if found:
            return found[1].rstrip("/") + "/session"
    raise AssertionError("Firefox ended before it listened")

"""A host on a clear network and a member behind a weak one, in a lesson of a whole installation.

What the member receives is measured in the member's page, what he sends in the host's.
"""

from __future__ import annotations

import asyncio
import secrets
import socket
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from playwright.async_api import Playwright

from tests.e2e.actors import Actor, launch
from tests.e2e.conftest import OUTPUT
from tests.e2e.installation import Installation, installation, until
from tests.e2e.lesson import schedule, sees
from tests.e2e.media_files import MediaFiles
from tests.e2e.stream_watch import Stretch, Watch
from tests.netsim.profiles import CLEAR, PROFILES, Profile
from tests.netsim.tcp_cut import TcpCut
from tests.netsim.weak_network import Address, WeakNetwork, weak_network
from tests.ports import free_port


@dataclass
class WeakStage:
    """The installation, the network, the two people and what is seen by each."""

    home: Installation
    network: WeakNetwork
    tcp: TcpCut  # the way to the worker's TCP port: cut, so that what is measured goes by the weak network
    signaling: TcpCut  # the member's way to the server
    mark: str  # in the command line of the member's browser
    host: Actor
    member: Actor
    at_member: Watch  # the host as the member sees and hears him: the way down
    at_host: Watch  # the member as the host sees and hears him: the way up
    meeting_id: str = ""
    kept: frozenset[Address] = frozenset()  # the host's addresses, always clear

    async def begin(self) -> None:
        """The host comes in on a clear network, the member on a good one; the lesson starts."""
        await self.host.log_in(self.home.logins["host"])
        await self.member.log_in(self.home.logins["member"])
        self.meeting_id = await schedule(self.home, self.host, "党课：弱网也能上课")
        await self.host.enter(self.meeting_id)
        await until("the host is connected", partial(is_connected, self.host), 30)
        self.kept = frozenset(await self.member_addresses())
        await self.network.shape(None, PROFILES["good"])
        await self.member.enter(self.meeting_id)
        await self.host.start_meeting()
        for actor in (self.host, self.member):
            await until(f"{actor.name} sees the other", partial(sees, actor, 1), 30)

    async def impair(self, profile: Profile) -> float:
        """Sets the member's network, that of his next connections too. Returns the time."""
        await self.network.shape(None, profile)
        for address in await self.member_addresses():
            await self.network.shape(address, profile)
        return now_ms()

    async def member_addresses(self) -> list[Address]:
        known = [(client["address"][0], client["address"][1]) for client in await self.network.clients()]
        return [address for address in known if address not in self.kept]

    async def move(self) -> float:
        """The member's network is another one from now on: the worker sees new ports. Returns the time."""
        at_ms = now_ms()
        for address in await self.member_addresses():
            await self.network.move(address)
        return at_ms

    async def figures(self, begin_ms: float, end_ms: float) -> dict[str, Stretch]:
        """Between two moments: the way down and the way up."""
        await self.fetch()
        return {"down": self.at_member.stretch(begin_ms, end_ms), "up": self.at_host.stretch(begin_ms, end_ms)}

    async def fetch(self) -> None:
        await asyncio.gather(self.at_member.fetch(), self.at_host.fetch())

    async def clear(self) -> None:
        """A clear network again, and both see each other."""
        await self.impair(CLEAR)
        for actor in (self.host, self.member):
            await until(f"{actor.name} sees the other on a clear network", partial(sees, actor, 1), 30)


def now_ms() -> float:
    """The clock of the pages."""
    return time.time() * 1000


@asynccontextmanager
async def weak_stage(
    playwright: Playwright, folder: Path, files: dict[str, MediaFiles], seed: str = "huitang"
) -> AsyncIterator[WeakStage]:
    """Both in a started lesson, seeing each other; the member has joined on a good network."""
    media_port = free_port(socket.SOCK_DGRAM)
    async with weak_network(seed) as network:
        await network.set_worker("127.0.0.1", media_port)
        tcp = await TcpCut.start("127.0.0.1", media_port)
        tcp.cut()
        ports = {
            "MEDIA_PORT": str(media_port),
            "MEDIA_ADVERTISE": network.advertised,
            "MEDIA_ADVERTISE_TCP": f"127.0.0.1:{tcp.port}",
        }
        async with installation(folder, **ports) as home:
            signaling = await TcpCut.start("127.0.0.1", home.port)
            way = f"http://127.0.0.1:{signaling.port}"
            mark = f"--test-person={secrets.token_hex(8)}"
            host = await launch(playwright, "host", home.url, files["host"])
            member = await launch(playwright, "member", way, files["member"], extra_flags=(mark,))
            watches = await Watch.begin(member.page), await Watch.begin(host.page)
            stage = WeakStage(home, network, tcp, signaling, mark, host, member, *watches)
            try:
                await stage.begin()
                yield stage
            except BaseException:
                for actor in (host, member):
                    await actor.keep_evidence(OUTPUT / "failure")
                raise
            finally:
                for actor in (host, member):
                    await actor.close()
                await signaling.close()
                await tcp.close()


async def is_connected(actor: Actor) -> bool:
    state: str | None = await actor.see("room").get_attribute("data-media")
    return state == "connected"

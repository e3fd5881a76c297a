"""One generated participant: its path to the server, what it publishes and what it receives."""

from __future__ import annotations

import time
from dataclasses import dataclass

from tests.bench.offer import SendingSsrcs, build_answer, build_offer, parse_answer
from tests.bench.parent import Parent
from tests.bench.peer import Peer
from tests.bench.plan import Plan
from tests.bench.publisher import Publisher
from tests.bench.scenario import AUDIO_SLOTS, Scenario
from tests.bench.subscriber import Subscriber
from tests.bench.traffic import Source

LOOPBACK = "127.0.0.1"
HOSTS = 250  # of 127.0.x.y that are used in each place


@dataclass(slots=True)
class JoinTimes:
    """When a participant asked to join, and when it had its first packet and its first picture (CLOCK_MONOTONIC)."""

    offered_ns: int = 0
    packet_ns: int = 0
    picture_ns: int = 0


class Participant:
    """Joins by an offer of its own or, where the server wants it so, by answering the server's."""

    def __init__(self, index: int, plan: Plan) -> None:
        scenario = plan.scenario
        self.index = index
        self.id = person_id(index)
        self.times = JoinTimes()
        self._plan = plan
        views = scenario.views(index)
        self.peer = Peer(gro=plan.gro and views, host=address_of(plan.host, index))
        self.publisher: Publisher | None = None
        if scenario.publishes(index):
            self.publisher = Publisher(self.peer, index, _source(scenario, index), speaks=scenario.speaks(index))
        self.subscriber = Subscriber(
            self.peer,
            sampled=views and index % plan.sample_every == 0,
            expected=scenario.expected(index),
            loss=plan.loss if views else 0.0,
            seed=index,
            on_rtcp=self.publisher.handle_rtcp if self.publisher is not None else None,
        )

    async def join(self, parent: Parent) -> None:
        """Raises RefusedError, TimeoutError, ConnectionError or ValueError."""
        self.times.offered_ns = time.monotonic_ns()
        if self._plan.server_offers and self.publisher is None:
            await self._answer(parent)
        else:
            await self._offer(parent)
        if self.publisher is not None:
            self.publisher.start()

    async def look_at(self, parent: Parent, people: list[int]) -> None:
        """Asks for the pictures of these, the most important first, instead of those before."""
        pictures = [{"publication_id": f"{person_id(other)}:camera"} for other in people]
        await parent.call("view", participant_id=self.id, pictures=pictures)

    async def leave(self, parent: Parent) -> None:
        """As a browser does: the association is closed, then the server is told."""
        await self.peer.close()
        await parent.call("leave", participant_id=self.id)

    async def _offer(self, parent: Parent) -> None:
        publisher, scenario = self.publisher, self._plan.scenario
        # Who publishes nothing names SSRCs all the same, as a browser with muted senders does.
        ssrcs = publisher.ssrcs if publisher is not None else SendingSsrcs(*(3 * self.index + at for at in (1, 2, 3)))
        slots = (0, 0) if self._plan.server_offers else (AUDIO_SLOTS, scenario.video_slots)
        offer = build_offer(
            self.peer.secrets,
            ssrcs,
            audio_slots=slots[0],
            video_slots=slots[1],
            screen=not self._plan.server_offers,
        )
        data = await parent.call("offer", participant_id=self.id, sdp=offer, publishes=publisher is not None)
        answer = parse_answer(data["sdp"])
        self.subscriber.negotiated(answer.media)
        if publisher is not None:
            publisher.negotiated(answer.media)
        await self.peer.connect(answer)
        if pictures := scenario.pictures(self.index):
            await self.look_at(parent, pictures)

    async def _answer(self, parent: Parent) -> None:
        data = await parent.call("subscribe", participant_id=self.id)
        offer = parse_answer(data["sdp"])
        self.subscriber.negotiated(offer.media)
        answer = build_answer(self.peer.secrets, offer)
        await parent.call("start", participant_id=self.id, sdp=answer)
        await self.peer.connect(offer)


def _source(scenario: Scenario, index: int) -> Source:
    return Source(
        scenario.bitrate_of(index),
        seed=20 + index,
        burst_ms=scenario.burst_ms,
        has_microphone=scenario.has_microphone(index),
        speaks=scenario.speaks(index),
        films=scenario.films(index),
    )


def address_of(host: str, index: int) -> str:
    """Everybody comes from another address, as far as loopback goes: a server counts what one address begins."""
    if host != LOOPBACK:
        return host
    return f"127.0.{1 + index // HOSTS % HOSTS}.{1 + index % HOSTS}"


def person_id(index: int) -> str:
    return f"person-{index}"

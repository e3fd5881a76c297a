"""The load: one process with one publisher and all subscribers, started by ``tests.bench.run``.

Everything runs in one event loop. The sockets sit in one epoll set whose own descriptor is the only one that the loop
watches: a burst to 150 viewers costs one wake-up of the loop.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import select
import sys
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import uvloop

from tests.bench import machine
from tests.bench.offer import SendingSsrcs, build_offer, parse_answer
from tests.bench.parent import Parent, RefusedError
from tests.bench.peer import Peer
from tests.bench.publisher import Publisher
from tests.bench.report import NOISY_SHARE, Measurement, percentile
from tests.bench.subscriber import Subscriber
from tests.bench.traffic import TICK_MS, Lane

# Chromium 156: 17 feedback packets a second, a report a second, a check on the chosen pair every 2.5 s.
FEEDBACK_TICKS, REPORT_TICKS, CHECK_TICKS = 12, 200, 500
JOINS_PER_S = 40
COMPLETE_TIMEOUT_S = 15.0
# What the publisher sent in the window may be on its way: it is waited for as long as something of it still comes.
DRAIN_STEP_S, DRAIN_PATIENCE_S = 0.25, 2.0
AUDIO_SLOTS = 3
PUBLISHER = "publisher"


@dataclass(frozen=True, slots=True)
class Plan:
    """What one run does; crosses to the generator as one JSON argument."""

    subscribers: int
    warmup_s: float
    window_s: float
    bitrate_bps: int
    sample_every: int
    video_slots: int
    gro: bool
    loss: float
    server_pid: int
    parent_pid: int
    core: int | None


@dataclass(frozen=True, slots=True)
class Reading:
    """Counters at one edge of the window."""

    at_s: float
    server: machine.ProcessCpu
    own_cpu_s: float
    parent_cpu_s: float
    machine: machine.MachineCpu
    published: dict[Lane, int]
    feedback: int


def _windows(before: Reading, after: Reading) -> dict[Lane, tuple[int, int]]:
    """Per lane the first of the publisher's packets in the window, and the first behind it."""
    return {lane: (before.published[lane], after.published[lane]) for lane in Lane}


class FaultError(Exception):
    """The generator itself went wrong."""


class Generator:
    """One run."""

    def __init__(self, plan: Plan, parent: Parent) -> None:
        self._plan = plan
        self._parent = parent
        self._loop = asyncio.get_running_loop()
        self._epoll = select.epoll()
        self._readers: dict[int, Callable[[], object]] = {}
        self._publisher = Publisher(Peer(gro=False), plan.bitrate_bps)
        self._subscribers: list[Subscriber] = []  # those that are connected
        self._peers: list[Peer] = [self._publisher.peer]
        self._joins_ms: list[float] = []
        self._started_ns = 0
        self._ticks = 0
        self._fault: str | None = None
        self._loop.set_exception_handler(self._on_fault)
        self._loop.add_reader(self._epoll.fileno(), self._on_readable)

    async def run(self) -> Measurement:
        """Raises FaultError, RefusedError, TimeoutError, ConnectionError or ValueError if the run cannot be made."""
        await self._join_publisher()
        await asyncio.sleep(1.0)  # the worker has the publisher's streams and settles
        rss_alone_kib = machine.resident_kib(self._plan.server_pid)
        await self._join_subscribers()
        await self._until_complete()
        self._progress(f"{len(self._subscribers)} subscribers joined, warming up")
        await asyncio.sleep(self._plan.warmup_s)
        gc.collect()
        gc.freeze()
        before, first_tick = self._read(), len(self._publisher.lateness_us)
        await asyncio.sleep(self._plan.window_s)
        after, last_tick = self._read(), len(self._publisher.lateness_us)
        await self._drain(before, after)
        if self._fault:
            raise FaultError(self._fault)
        lateness_us = sorted(self._publisher.lateness_us[first_tick:last_tick])
        return self._evaluate(before, after, lateness_us, rss_alone_kib)

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A fault of the generator itself must not pass for one of the worker: the run then has no result."""
        self._fault = self._fault or str(context.get("exception") or context["message"])
        loop.default_exception_handler(context)

    async def close(self) -> None:
        self._started_ns = 0
        self._loop.remove_reader(self._epoll.fileno())
        self._epoll.close()
        for peer in self._peers:
            await peer.close()

    # --- joining ------------------------------------------------------------------------------------------------------

    def _watch(self, peer: Peer, reader: Callable[[], object]) -> None:
        self._readers[peer.socket.fileno()] = reader
        self._epoll.register(peer.socket.fileno(), select.EPOLLIN)

    async def _join_publisher(self) -> None:
        publisher = self._publisher
        self._watch(publisher.peer, publisher.read)
        offer = build_offer(
            publisher.peer.secrets, publisher.ssrcs, audio_slots=AUDIO_SLOTS, video_slots=self._plan.video_slots
        )
        data = await self._parent.call("offer", participant_id=PUBLISHER, sdp=offer, publishes=True)
        answer = parse_answer(data["sdp"])
        publisher.negotiated(answer.media)
        await publisher.peer.connect(answer)
        self._started_ns = time.monotonic_ns()
        self._loop.call_soon(self._tick)
        self._progress(f"publisher connected, {publisher.peer.profile}")

    async def _join_subscribers(self) -> None:
        joins = []
        for index in range(self._plan.subscribers):
            joins.append(asyncio.create_task(self._join_subscriber(index)))
            await asyncio.sleep(1 / JOINS_PER_S)
        await asyncio.gather(*joins)

    async def _join_subscriber(self, index: int) -> None:
        peer = Peer(gro=self._plan.gro)
        self._peers.append(peer)
        subscriber = Subscriber(peer, sampled=index % self._plan.sample_every == 0, loss=self._plan.loss, seed=index)
        self._watch(peer, subscriber.read)
        participant_id = f"subscriber-{index}"
        ssrcs = SendingSsrcs(3 * index + 1, 3 * index + 2, 3 * index + 3)
        offer = build_offer(peer.secrets, ssrcs, audio_slots=AUDIO_SLOTS, video_slots=self._plan.video_slots)
        offered_ns = time.monotonic_ns()
        data = await self._parent.call("offer", participant_id=participant_id, sdp=offer, publishes=False)
        answer = parse_answer(data["sdp"])
        subscriber.negotiated(answer.media)
        await peer.connect(answer)
        pictures = [{"publication_id": f"{PUBLISHER}:camera"}]
        await self._parent.call("view", participant_id=participant_id, pictures=pictures)
        self._subscribers.append(subscriber)
        with contextlib.suppress(TimeoutError):  # it is then missing in what was delivered
            await asyncio.wait_for(subscriber.first_packet.wait(), COMPLETE_TIMEOUT_S)
            self._joins_ms.append((time.monotonic_ns() - offered_ns) / 1e6)

    async def _until_complete(self) -> None:
        deadline = time.monotonic() + COMPLETE_TIMEOUT_S
        while missing := sum(not subscriber.complete for subscriber in self._subscribers):
            if time.monotonic() > deadline:
                # It is measured all the same: they count as expected and not delivered.
                self._progress(f"{missing} subscribers do not receive both streams")
                return
            await asyncio.sleep(0.05)

    # --- the running load ---------------------------------------------------------------------------------------------

    def _on_readable(self) -> None:
        readers = self._readers
        for descriptor, _events in self._epoll.poll(0, 1024):
            readers[descriptor]()

    def _tick(self) -> None:
        """Every 5 ms: the publisher's packets, and the feedback of those subscribers whose turn it is."""
        if not self._started_ns:
            return
        elapsed_ns = time.monotonic_ns() - self._started_ns
        self._publisher.send_until(elapsed_ns)
        while self._ticks * TICK_MS * 1_000_000 <= elapsed_ns:
            self._send_feedback(self._ticks)
            self._ticks += 1
        due_s = (self._started_ns + self._ticks * TICK_MS * 1_000_000 - time.monotonic_ns()) / 1e9
        self._loop.call_later(max(0.0, due_s), self._tick)

    def _send_feedback(self, tick: int) -> None:
        for subscriber in self._subscribers[tick % FEEDBACK_TICKS :: FEEDBACK_TICKS]:
            subscriber.send_nacks()
            subscriber.send_feedback()
        for subscriber in self._subscribers[tick % REPORT_TICKS :: REPORT_TICKS]:
            subscriber.send_report()
        for subscriber in self._subscribers[tick % CHECK_TICKS :: CHECK_TICKS]:
            subscriber.peer.check()
        if tick % CHECK_TICKS == 0:
            self._publisher.peer.check()

    # --- measuring ----------------------------------------------------------------------------------------------------

    def _read(self) -> Reading:
        return Reading(
            at_s=time.monotonic(),
            server=machine.process_cpu(self._plan.server_pid),
            own_cpu_s=time.process_time(),
            parent_cpu_s=machine.process_cpu(self._plan.parent_pid).total_s,
            machine=machine.machine_cpu(),
            published={lane: stream.count for lane, stream in self._publisher.streams.items()},
            feedback=sum(subscriber.feedback_sent for subscriber in self._subscribers),
        )

    def _arrived(self, windows: dict[Lane, tuple[int, int]]) -> list[int]:
        return [sum(subscriber.delivered(lane, *windows[lane]) for lane in Lane) for subscriber in self._subscribers]

    async def _drain(self, before: Reading, after: Reading) -> None:
        windows = _windows(before, after)
        expected = sum(end - first for first, end in windows.values()) * len(self._subscribers)
        arrived, patience_s = -1, DRAIN_PATIENCE_S
        while arrived < expected and patience_s > 0:
            await asyncio.sleep(DRAIN_STEP_S)
            now_arrived = sum(self._arrived(windows))
            patience_s = DRAIN_PATIENCE_S if now_arrived > arrived else patience_s - DRAIN_STEP_S
            arrived = now_arrived

    def _evaluate(self, before: Reading, after: Reading, lateness_us: list[int], rss_alone_kib: int) -> Measurement:
        window_s = after.at_s - before.at_s
        windows = _windows(before, after)
        published = sum(end - first for first, end in windows.values())
        if not published:
            raise FaultError("the publisher sent nothing in the window")
        arrived = self._arrived(windows)
        forwarded = sum(arrived)
        server_cpu_s = after.server.total_s - before.server.total_s
        own_cpu_s = after.own_cpu_s - before.own_cpu_s
        ours_s = server_cpu_s + own_cpu_s + after.parent_cpu_s - before.parent_cpu_s
        other_share = max(0.0, after.machine.busy_s - before.machine.busy_s - ours_s) / window_s
        latencies_ms = sorted(
            us / 1000 for subscriber in self._subscribers for us in subscriber.window_latencies_us(windows)
        )
        joins_ms = sorted(self._joins_ms)
        rss_kib = machine.resident_kib(self._plan.server_pid)
        server_port = int(self._publisher.peer.socket.getpeername()[1])
        return Measurement(
            subscribers=self._plan.subscribers,
            window_s=round(window_s, 3),
            published=published,
            forwarded=forwarded,
            forwarded_per_s=round(forwarded / window_s, 1),
            delivered_fraction=forwarded / (published * self._plan.subscribers),
            delivered_fraction_worst=min(arrived) / published,
            duplicates=sum(subscriber.duplicates for subscriber in self._subscribers),
            renumbered=sum(subscriber.renumbered for subscriber in self._subscribers),
            refused=sum(subscriber.refused for subscriber in self._subscribers),
            server_cpu_s=round(server_cpu_s, 3),
            server_system_cpu_s=round(after.server.system_s - before.server.system_s, 3),
            server_cpu_share=round(server_cpu_s / window_s, 4),
            server_cpu_s_per_million=round(server_cpu_s / max(1, forwarded) * 1e6, 3),
            latency_p50_ms=round(percentile(latencies_ms, 0.5), 3),
            latency_p99_ms=round(percentile(latencies_ms, 0.99), 3),
            latency_max_ms=round(percentile(latencies_ms, 1.0), 3),
            latency_samples=len(latencies_ms),
            rss_mib=round(rss_kib / 1024, 2),
            kib_per_subscriber=round((rss_kib - rss_alone_kib) / self._plan.subscribers, 1),
            join_p50_ms=round(percentile(joins_ms, 0.5), 1),
            join_p95_ms=round(percentile(joins_ms, 0.95), 1),
            lost_on_purpose=sum(subscriber.dropped for subscriber in self._subscribers),
            nacks=sum(subscriber.nacks_sent for subscriber in self._subscribers),
            repaired_by_rtx=sum(subscriber.repaired for subscriber in self._subscribers),
            feedback_per_s=round((after.feedback - before.feedback) / window_s, 1),
            generator_socket_drops=machine.dropped_datagrams({peer.port for peer in self._peers}),
            server_socket_drops=machine.dropped_datagrams({server_port}),
            generator_cpu_share=round(own_cpu_s / window_s, 4),
            other_cpu_share=round(other_share, 4),
            steal_share=round((after.machine.steal_s - before.machine.steal_s) / window_s, 4),
            noisy=other_share > NOISY_SHARE,
            srtp_profile=self._publisher.peer.profile,
            publisher=self._publisher_figures(published, window_s, lateness_us),
        )

    def _publisher_figures(self, published: int, window_s: float, lateness_us: list[int]) -> dict[str, float]:
        return {
            "packets_per_s": round(published / window_s, 1),
            "late_p50_ms": round(percentile(lateness_us, 0.5) / 1000, 3),
            "late_p99_ms": round(percentile(lateness_us, 0.99) / 1000, 3),
            "late_max_ms": round(percentile(lateness_us, 1.0) / 1000, 3),
            "keyframes": self._publisher.source.keyframes,
            **{f"{name}_received": count for name, count in self._publisher.received.items()},
        }

    @staticmethod
    def _progress(text: str) -> None:
        print(f"bench: {text}", file=sys.stderr, flush=True)


async def _main(plan: Plan) -> int:
    parent = await Parent.on_standard_streams()
    generator = Generator(plan, parent)
    try:
        measurement = await generator.run()
    except (FaultError, RefusedError, TimeoutError, ConnectionError, ValueError) as error:
        parent.say({"failed": f"{type(error).__name__}: {error}"})
        return 1
    finally:
        await generator.close()
        parent.close()
    parent.say({"measured": asdict(measurement)})
    return 0


if __name__ == "__main__":
    run_plan = Plan(**json.loads(sys.argv[1]))
    machine.pin(os.getpid(), run_plan.core)
    sys.exit(uvloop.run(_main(run_plan)))

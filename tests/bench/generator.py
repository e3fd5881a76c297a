"""The load: one process with all publishers and subscribers of a run, started by ``tests.bench.run``."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import os
import sys
import time
from dataclasses import asdict
from typing import Any

import uvloop

from tests.bench import books, machine
from tests.bench.books import Books, Reading
from tests.bench.evaluation import FaultError, Outcome, evaluate
from tests.bench.load import Load
from tests.bench.parent import Parent, RefusedError
from tests.bench.participant import JoinTimes, Participant
from tests.bench.plan import Plan
from tests.bench.report import Measurement
from tests.bench.stirring import stir

JOINS_PER_S = 40
CHURN_ROUND = 100  # viewers who are in the room at once and leave together
COMPLETE_TIMEOUT_S = 15.0
# What was published in the window may be on its way: it is waited for as long as something of it still comes.
DRAIN_STEP_S, DRAIN_PATIENCE_S = 0.25, 2.0
MEMORY_EVERY_S = 5.0
SETTLE_S = 1.0


class Generator:
    """One run."""

    def __init__(self, plan: Plan, parent: Parent) -> None:
        self._plan = plan
        self._scenario = plan.scenario
        self._parent = parent
        self._load = Load()
        self._all: list[Participant] = []
        self._joined: list[JoinTimes] = []
        self._failed = 0
        self._memory: list[tuple[float, float]] = []  # seconds into the window, MiB
        self._churn: dict[str, float] = {}
        self._first_ticks: list[int] = []
        self._fault: str | None = None
        self._background: list[asyncio.Task[None]] = []
        asyncio.get_running_loop().set_exception_handler(self._on_fault)

    async def run(self) -> Measurement:
        """Raises FaultError, RefusedError, TimeoutError, ConnectionError or ValueError if the run cannot be made."""
        plan, scenario = self._plan, self._scenario
        await self._join(range(scenario.viewers_from), JOINS_PER_S)
        await asyncio.sleep(SETTLE_S)  # the worker has the publisher's streams and settles
        if plan.leavers:
            await self._come_and_go()
        rss_alone_kib = self._resident_kib()
        await self._join(range(scenario.viewers_from, scenario.viewers_from + plan.already), JOINS_PER_S)
        await self._until_complete()
        if scenario.is_stirred:
            self._progress("everybody looks elsewhere and comes back")
            await stir([item for item in self._load.participants if scenario.views(item.index)], parent=self._parent)
        self._progress(f"{len(self._load.participants)} participants, {self._profile}, warming up")
        await asyncio.sleep(plan.warmup_s)
        for participant in self._load.participants:
            participant.subscriber.doubt()
        gc.collect()
        gc.freeze()
        await asyncio.sleep(min(SETTLE_S, plan.warmup_s))
        before, after, counted = await self._window()
        if self._fault:
            raise FaultError(self._fault)
        outcome = Outcome(
            plan=plan,
            participants=self._load.participants,
            before=before,
            after=after,
            counted=counted,
            joined=self._joined,
            failed=self._failed,
            rss_alone_kib=rss_alone_kib,
            rss_kib=self._resident_kib(),
            first_ticks=self._first_ticks,
            memory=self._memory,
            churn=self._churn,
        )
        return evaluate(outcome)

    def _on_fault(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """A fault of the generator itself must not pass for one of the worker: the run then has no result."""
        self._fault = self._fault or str(context.get("exception") or context["message"])
        loop.default_exception_handler(context)

    async def close(self) -> None:
        for task in self._background:
            task.cancel()
        self._load.close()
        for participant in self._all:
            await participant.peer.close()

    # --- joining and leaving ------------------------------------------------------------------------------------------

    async def _join(self, indexes: range, per_s: float) -> list[Participant]:
        """Lets these join, one after another begun at this rate; raises what the first that cannot raises."""
        joining = []
        started = time.monotonic()
        for number, index in enumerate(indexes):
            await asyncio.sleep(max(0.0, started + number / per_s - time.monotonic()))
            joining.append(asyncio.create_task(self._join_one(index)))
        return list(await asyncio.gather(*joining))

    async def _join_one(self, index: int) -> Participant:
        participant = Participant(index, self._plan)
        self._all.append(participant)
        self._load.add(participant)
        if participant.subscriber.expected:
            self._background.append(asyncio.create_task(self._time_join(participant)))
        await participant.join(self._parent)
        self._load.begin(participant)
        return participant

    async def _time_join(self, participant: Participant) -> None:
        subscriber, times = participant.subscriber, participant.times
        self._joined.append(times)
        with contextlib.suppress(TimeoutError):  # it is then missing in what was delivered, and a failed join
            async with asyncio.timeout(COMPLETE_TIMEOUT_S):
                await subscriber.first_packet.wait()
                times.packet_ns = time.monotonic_ns()
                await subscriber.first_picture.wait()
                times.picture_ns = time.monotonic_ns()

    async def _join_timed(self, indexes: range) -> None:
        """Joins that are themselves what is measured: one that fails is counted."""
        self._joined.clear()
        joining = []
        started = time.monotonic()
        for number, index in enumerate(indexes):
            await asyncio.sleep(max(0.0, started + number / self._plan.joins_per_s - time.monotonic()))
            joining.append(asyncio.create_task(self._join_one(index)))
        results = await asyncio.gather(*joining, return_exceptions=True)
        faults = [result for result in results if isinstance(result, BaseException)]
        for fault in faults:
            self._progress(f"a join failed: {type(fault).__name__}: {fault}")
        self._failed = len(faults)

    async def _come_and_go(self) -> None:
        """Rounds of viewers who join and leave, and what they leave behind in the worker."""
        first = self._scenario.people
        at_first_kib = self._resident_kib()
        after_round_kib: list[int] = []
        gone = 0
        while gone < self._plan.leavers:
            count = min(CHURN_ROUND, self._plan.leavers - gone)
            guests = await self._join(range(first + gone, first + gone + count), JOINS_PER_S)
            await self._until_complete()
            for guest in guests:
                self._load.remove(guest)
                self._all.remove(guest)
                await guest.leave(self._parent)
            gone += count
            await asyncio.sleep(SETTLE_S)
            after_round_kib.append(self._resident_kib())
            self._progress(f"{gone} came and went: {after_round_kib[-1] / 1024:.1f} MiB")
        self._joined.clear()
        # The first half fills the pools of the allocator and of the libraries; what grows from then on is a leak.
        half = len(after_round_kib) // 2
        grown_kib = after_round_kib[-1] - after_round_kib[half]
        later = max(1, gone - CHURN_ROUND * (half + 1))
        self._churn = {
            "leavers": gone,
            "mib_before": round(at_first_kib / 1024, 2),
            "mib_after_half": round(after_round_kib[half] / 1024, 2),
            "mib_after": round(after_round_kib[-1] / 1024, 2),
            "kib_left_by_each": round(grown_kib / later, 2),
        }

    async def _until_complete(self) -> None:
        deadline = time.monotonic() + COMPLETE_TIMEOUT_S
        while missing := sum(not participant.subscriber.is_complete for participant in self._load.participants):
            if time.monotonic() > deadline:
                # It is measured all the same: they count as expected and not delivered.
                self._progress(f"{missing} subscribers do not receive everything")
                return
            await asyncio.sleep(0.05)

    # --- measuring ----------------------------------------------------------------------------------------------------

    async def _window(self) -> tuple[Reading, Reading, Books]:
        plan, load = self._plan, self._load
        viewers = [participant for participant in load.participants if participant.subscriber.expected]
        before = books.read(plan, load)
        counted = Books(viewers, before)
        end_ns = before.at_ns + int(plan.window_s * 1e9)
        self._first_ticks = [len(publisher.lateness_us) for publisher in load.publishers]
        for viewer in viewers:
            viewer.subscriber.record(before.at_ns, end_ns)
        later = range(self._scenario.viewers_from + plan.already, self._scenario.people)
        joining = asyncio.create_task(self._join_timed(later)) if later else None
        await self._pass_time(end_ns, before.at_ns, counted)
        if joining is not None:
            await joining
        after = books.read(plan, load)
        await self._drain(counted, after)
        counted.close_segment(after.published)
        counted.settle()
        await asyncio.gather(*self._background)
        return before, after, counted

    async def _pass_time(self, end_ns: int, started_ns: int, counted: Books) -> None:
        """Until the window's end; a long one is counted on the way, and memory is looked at."""
        next_segment_ns = started_ns + int(books.SEGMENT_S * 1e9)
        settle_ns = 0
        while (now_ns := time.monotonic_ns()) < end_ns:
            self._memory.append(((now_ns - started_ns) / 1e9, self._resident_kib() / 1024))
            if settle_ns and now_ns >= settle_ns:
                counted.settle()
                settle_ns = 0
            if now_ns >= next_segment_ns and end_ns - now_ns > 2 * books.LATE_S * 1e9:
                counted.close_segment(books.published(self._load))
                settle_ns = now_ns + int(books.LATE_S * 1e9)
                next_segment_ns += int(books.SEGMENT_S * 1e9)
            pause_ns = books.LATE_S * 1e9 if settle_ns else MEMORY_EVERY_S * 1e9
            await asyncio.sleep(min(pause_ns, end_ns - now_ns) / 1e9)
        counted.settle()

    async def _drain(self, counted: Books, after: Reading) -> None:
        outstanding, patience_s = -1, DRAIN_PATIENCE_S
        while outstanding and patience_s > 0:
            await asyncio.sleep(DRAIN_STEP_S)
            left = counted.outstanding(after.published)
            patience_s = DRAIN_PATIENCE_S if left != outstanding else patience_s - DRAIN_STEP_S
            outstanding = left

    def _resident_kib(self) -> int:
        return sum(machine.resident_kib(pid) for pid in self._plan.server_pids)

    @property
    def _profile(self) -> str:
        return self._load.participants[0].peer.profile

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
    run_plan = Plan.from_json(json.loads(sys.argv[1]))
    machine.pin(os.getpid(), run_plan.core)
    sys.exit(uvloop.run(_main(run_plan)))

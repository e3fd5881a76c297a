"""Locks by name: one at a time for each, and nothing left afterwards."""

from __future__ import annotations

import asyncio
import gc

from server.locks import NamedLocks


async def test_one_at_a_time_for_each_name_in_the_order_of_coming() -> None:
    locks, said = NamedLocks(), list[str]()

    async def work(name: str, who: str) -> None:
        async with locks.of(name):
            said.append(f"{who} begins")
            gc.collect()
            await asyncio.sleep(0)
            said.append(f"{who} ends")

    await asyncio.gather(work("a", "first"), work("a", "second"), work("a", "third"))
    assert said == [f"{who} {what}" for who in ("first", "second", "third") for what in ("begins", "ends")]


async def test_another_name_does_not_wait() -> None:
    locks = NamedLocks()
    async with locks.of("a"), asyncio.timeout(5), locks.of("b"):
        assert len(locks) == 2


async def test_nothing_is_left_when_nobody_holds_it() -> None:
    locks = NamedLocks()
    for number in range(100):
        async with locks.of(str(number)):
            assert locks.of(str(number)).locked()
    gc.collect()
    assert len(locks) == 0

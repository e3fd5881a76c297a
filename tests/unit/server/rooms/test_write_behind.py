"""Deferred work: in order, again while the database is away, and one fault stops nothing else."""

from __future__ import annotations

import asyncio

from server.errors import AppError, DatabaseAwayError
from server.protocol.codes import ErrorCode
from server.rooms.write_behind import DeferredWork


async def test_in_order_and_again_while_the_database_is_away() -> None:
    deferred = DeferredWork()
    done: list[str] = []
    tries = 0

    async def first() -> None:
        nonlocal tries
        tries += 1
        if tries < 3:
            raise DatabaseAwayError("not yet")
        done.append("first")

    async def second() -> None:
        done.append("second")

    deferred.put("first", first)
    deferred.put("second", second)
    async with asyncio.timeout(10):
        await deferred.drained()
    assert (done, tries) == (["first", "second"], 3)
    deferred.put("second", second)
    async with asyncio.timeout(10):
        await deferred.drained()
    assert done[-1] == "second"
    await deferred.close(1)


async def test_a_fault_is_dropped_and_the_next_goes_on() -> None:
    deferred = DeferredWork()
    done: list[str] = []

    async def broken() -> None:
        raise RuntimeError("a bug")

    async def fine() -> None:
        done.append("fine")

    deferred.put("broken", broken)
    deferred.put("fine", fine)
    async with asyncio.timeout(10):
        await deferred.drained()
    assert done == ["fine"]
    await deferred.close(1)


async def test_close_does_not_wait_for_a_database_that_stays_away() -> None:
    deferred = DeferredWork()

    async def never() -> None:
        raise DatabaseAwayError("gone")

    deferred.put("never", never)
    async with asyncio.timeout(10):
        await deferred.close(0.05)
        await deferred.close(0.05)


async def test_a_log_that_is_away_is_waited_for_as_well() -> None:
    deferred = DeferredWork()
    tries: list[int] = []

    async def assemble() -> None:
        tries.append(1)
        if len(tries) < 3:
            raise AppError(ErrorCode.LOG_UNAVAILABLE, "the disk is full", retryable=True)

    deferred.put("assemble", assemble)
    async with asyncio.timeout(10):
        await deferred.drained()
    assert len(tries) == 3
    await deferred.close(1)

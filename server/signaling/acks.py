"""The last acknowledgements of each seat: a command that is sent again gets the first one's answer. Pure."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from typing import Any

KEPT = 256
Answer = dict[str, Any]


class SeatAcks:
    """By request id; one that still runs is waited for."""

    def __init__(self, kept: int = KEPT) -> None:
        self._kept = kept
        self._answers: OrderedDict[str, asyncio.Future[Answer]] = OrderedDict()

    def find(self, request_id: str) -> asyncio.Future[Answer] | None:
        return self._answers.get(request_id)

    def begin(self, request_id: str) -> asyncio.Future[Answer]:
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._answers[request_id] = future
        while len(self._answers) > self._kept:
            self._answers.popitem(last=False)
        return future

    def end(self, request_id: str, answer: Answer, *, keep: bool) -> None:
        """``keep`` False: it may be tried again (the log was away, no media worker was there)."""
        future = self._answers.get(request_id)
        if future is not None and not future.done():
            future.set_result(answer)
        if not keep:
            self._answers.pop(request_id, None)

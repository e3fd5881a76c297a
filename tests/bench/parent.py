"""The pipe between a generator and the program that started it: JSON lines, calls with answers in one direction."""

from __future__ import annotations

import asyncio
import json
import sys
from typing import Any, TextIO


class RefusedError(Exception):
    """The worker refused a call; the message carries its stable code."""


class Parent:
    """The generator's end. Calls go out on standard output, answers come in on standard input."""

    def __init__(self, reader: asyncio.StreamReader, output: TextIO) -> None:
        self._reader = reader
        self._output = output
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._last_id = 0
        self._listening = asyncio.create_task(self._listen())

    @classmethod
    async def on_standard_streams(cls) -> Parent:
        reader = asyncio.StreamReader(limit=1 << 20)
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
        return cls(reader, sys.stdout)

    def say(self, message: dict[str, Any]) -> None:
        self._output.write(json.dumps(message) + "\n")
        self._output.flush()

    async def call(self, name: str, **arguments: Any) -> dict[str, Any]:
        """Has the parent make a call to the worker. Raises RefusedError."""
        self._last_id += 1
        future = self._waiting[self._last_id] = asyncio.get_running_loop().create_future()
        self.say({"call": name, "id": self._last_id, "arguments": arguments})
        answer = await future
        if not answer["ok"]:
            raise RefusedError(f"{name}: {answer['error']['code']}: {answer['error']['message']}")
        data: dict[str, Any] = answer["data"]
        return data

    async def _listen(self) -> None:
        while line := await self._reader.readline():
            message = json.loads(line)
            self._waiting.pop(message["id"]).set_result(message["answer"])
        for future in self._waiting.values():
            future.set_exception(ConnectionError("the bench's main process went away"))

    def close(self) -> None:
        self._listening.cancel()

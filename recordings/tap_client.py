"""The recorder's end of the tap: connects, says hello, hands whole frames on, connects again. Knows no recording."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from media.listening import dial
from media.tap import TapFrame, TapHello, TapRequest, decode_frame

RETRY_S = 0.25
_READ_BYTES = 256 * 1024
_log = logging.getLogger(__name__)


class TapClient:
    """``frames`` takes the bytes of whole frames and the frames; while it waits, nothing is read (backpressure)."""

    def __init__(
        self,
        address: str,
        token: str,
        room_id: str,
        after: Callable[[], int | None],
        frames: Callable[[bytes, list[TapFrame]], Awaitable[None]],
        connected: Callable[[bool], None],
    ) -> None:
        self.address = address
        self._token = token
        self._room_id = room_id
        self._after = after
        self._frames = frames
        self._connected = connected
        self._writer: asyncio.StreamWriter | None = None
        self._watched: tuple[str, ...] | None = None
        self._task = asyncio.create_task(self._run(), name=f"tap {room_id}")

    def request_keyframe(self, track: int) -> None:
        self._request(TapRequest(op="keyframe", track=track))

    def watch(self, publication_ids: tuple[str, ...]) -> None:
        """The pictures that are needed, also after the connection was lost."""
        self._watched = publication_ids
        self._request(TapRequest(op="watch", publication_ids=publication_ids))

    async def close(self) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _run(self) -> None:
        while True:
            try:
                await self._session()
            except (OSError, ValueError, asyncio.IncompleteReadError) as error:
                _log.debug("tap of room %s: %s", self._room_id, error)
            await asyncio.sleep(RETRY_S)

    async def _session(self) -> None:
        reader, writer = await dial(self.address, _READ_BYTES)
        self._writer = writer
        try:
            hello = TapHello(token=self._token, room_id=self._room_id, after=self._after())
            writer.write(hello.model_dump_json().encode() + b"\n")
            if self._watched is not None:
                self.watch(self._watched)
            await self._read(reader)
        finally:
            self._writer = None
            self._connected(False)
            writer.close()

    def _request(self, request: TapRequest) -> None:
        if self._writer is not None and not self._writer.is_closing():
            self._writer.write(request.model_dump_json().encode() + b"\n")

    async def _read(self, reader: asyncio.StreamReader) -> None:
        buffer = bytearray()
        greeted = False
        while data := await reader.read(_READ_BYTES):
            buffer += data
            frames: list[TapFrame] = []
            frame, offset = decode_frame(buffer)
            while frame is not None:
                frames.append(frame)
                frame, offset = decode_frame(buffer, offset)
            if frames:
                if not greeted:
                    greeted = True
                    self._connected(True)
                whole = bytes(buffer[:offset])
                del buffer[:offset]
                await self._frames(whole, frames)

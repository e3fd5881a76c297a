"""The relay's own process: one epoll loop, one heap of packets under way. Commands come as JSON lines on stdin.

A client is known by its source address. Each has a socket of its own towards the worker, as behind a NAT. The process
ends with its stdin, so that a test that dies leaves nothing behind.
"""

from __future__ import annotations

import heapq
import itertools
import json
import os
import select
import socket
import sys
import time
from collections.abc import Callable
from typing import Any

from tests.netsim.shaper import Impairments, Shaper

Address = tuple[str, int]
BATCH = 64
BUFFER_BYTES = 4 << 20
IDLE_S = 1.0


class Client:
    """One source address, its way in both directions, its address as the worker sees it."""

    def __init__(self, address: Address, upstream: socket.socket, up: Shaper, down: Shaper) -> None:
        self.address = address
        self.upstream = upstream
        self.up = up
        self.down = down

    def report(self) -> dict[str, Any]:
        """What the test may want to know of it."""
        return {
            "address": list(self.address),
            "mapped_port": self.upstream.getsockname()[1],
            **{
                name: {key: getattr(shaper, key) for key in ("passed", "lost", "queue_drops", "doubled")}
                for name, shaper in (("up", self.up), ("down", self.down))
            },
        }


class Relay:
    """Everything of the process but its stdin."""

    def __init__(self, host: str, seed: str) -> None:
        self.socket = _udp_socket(host)
        self._host = host
        self._seed = seed
        self._worker: Address | None = None
        self._clients: dict[Address, Client] = {}
        self._newcomers = (Impairments(), Impairments())
        self._seen = 0
        self._heap: list[tuple[float, int, socket.socket, bytes, Address]] = []
        self._order = itertools.count()
        self._poll = select.epoll()
        self._readers: dict[int, Callable[[], None]] = {}
        self.watch(self.socket.fileno(), self._read_clients)

    def watch(self, fd: int, reader: Callable[[], None]) -> None:
        self._readers[fd] = reader
        self._poll.register(fd, select.EPOLLIN)

    def turn(self) -> None:
        """Waits for the next packet or the next one due, and handles what there is."""
        wait = min(IDLE_S, max(0.0, self._heap[0][0] - time.monotonic())) if self._heap else IDLE_S
        for fd, _ in self._poll.poll(wait):
            reader = self._readers.get(fd)
            if reader is not None:
                reader()
        self._deliver(time.monotonic())

    # --- commands

    def handle(self, command: dict[str, Any]) -> object:
        """One line of stdin; what it returns is the line of stdout."""
        operation = command["op"]
        if operation == "worker":
            self._worker = (command["host"], command["port"])
        elif operation == "shape":
            self._shape(command)
        elif operation == "move":
            self._move(self._clients[_address(command["client"])])
        elif operation == "clients":
            return [client.report() for client in self._clients.values()]
        else:
            raise ValueError(f"unknown operation {operation!r}")
        return None

    def _shape(self, command: dict[str, Any]) -> None:
        up, down = Impairments(**command["up"]), Impairments(**command["down"])
        if command["client"] is None:
            self._newcomers = (up, down)
            return
        client = self._clients[_address(command["client"])]
        client.up.impairments, client.down.impairments = up, down

    def _move(self, client: Client) -> None:
        """Packets on their way leave by the old socket; what the worker still sends there is lost."""
        old = client.upstream
        self._poll.unregister(old.fileno())
        del self._readers[old.fileno()]
        client.upstream = self._upstream_of(client)

    # --- packets

    def _read_clients(self) -> None:
        for _ in range(BATCH):
            try:
                data, address = self.socket.recvfrom(2048)
            except (BlockingIOError, ConnectionError):
                return
            client = self._clients.get(address) or self._admit(address)
            if self._worker is not None:
                self._queue(client.up, client.upstream, data, self._worker)

    def _read_upstream(self, client: Client, upstream: socket.socket) -> None:
        for _ in range(BATCH):
            try:
                data = upstream.recv(2048)
            except (BlockingIOError, ConnectionError):
                return
            self._queue(client.down, self.socket, data, client.address)

    def _queue(self, shaper: Shaper, sock: socket.socket, data: bytes, target: Address) -> None:
        now = time.monotonic()
        for due in shaper.offer(len(data), now):
            if due <= now and not self._heap:
                _send(sock, data, target)
            else:
                heapq.heappush(self._heap, (due, next(self._order), sock, data, target))

    def _deliver(self, now: float) -> None:
        heap = self._heap
        while heap and heap[0][0] <= now:
            _, _, sock, data, target = heapq.heappop(heap)
            _send(sock, data, target)

    def _admit(self, address: Address) -> Client:
        number = self._seen
        self._seen += 1
        up, down = self._newcomers
        up_shaper = Shaper(up, f"{self._seed}/{number}/up")
        client = Client(address, self.socket, up_shaper, Shaper(down, f"{self._seed}/{number}/down"))
        client.upstream = self._upstream_of(client)
        self._clients[address] = client
        return client

    def _upstream_of(self, client: Client) -> socket.socket:
        upstream = _udp_socket(self._host)
        self.watch(upstream.fileno(), lambda: self._read_upstream(client, upstream))
        return upstream


def _udp_socket(host: str) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
    sock.setblocking(False)
    sock.bind((host, 0))
    return sock


def _send(sock: socket.socket, data: bytes, target: Address) -> None:
    try:
        sock.sendto(data, target)
    except OSError:
        return  # a full buffer or a closed port: the network loses it


def _address(value: list[Any]) -> Address:
    return str(value[0]), int(value[1])


def _read_commands(relay: Relay, buffer: bytearray) -> None:
    data = os.read(sys.stdin.fileno(), 65536)
    if not data:
        sys.exit(0)
    buffer += data
    while b"\n" in buffer:
        line, _, rest = bytes(buffer).partition(b"\n")
        buffer[:] = rest
        print(json.dumps(_answer(relay, line)), flush=True)


def _answer(relay: Relay, line: bytes) -> dict[str, object]:
    try:
        return {"ok": True, "data": relay.handle(json.loads(line))}
    except (KeyError, TypeError, ValueError) as error:
        return {"ok": False, "error": repr(error)}


def main() -> None:
    host, seed = sys.argv[1:3]
    relay = Relay(host, seed)
    buffer = bytearray()
    relay.watch(sys.stdin.fileno(), lambda: _read_commands(relay, buffer))
    print(json.dumps({"ok": True, "data": list(relay.socket.getsockname())}), flush=True)
    while True:
        relay.turn()


if __name__ == "__main__":
    main()

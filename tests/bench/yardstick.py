"""A yardstick for the speed of this core now: what one packet costs that is protected and sent by itself.

CPU seconds differ between machines. A bare loop of one ``srtp_protect`` and one ``sendto`` per packet and receiver is
timed on the worker's core just before and just after the run; the worker's cost in terms of it can be compared across
machines. It is no floor: it wakes nobody up, and it does not group packets.
"""

from __future__ import annotations

import os
import socket
import statistics
import struct
import time
from collections.abc import Sequence
from contextlib import ExitStack, suppress

from tests.bench import machine
from tests.bench.dtls import loopback_session
from tests.bench.traffic import MAX_PAYLOAD, OPUS_BYTES

RECEIVERS, ROUNDS = 100, 40
# Of the publisher's packets about every fourth is sound.
SIZES = (MAX_PAYLOAD, MAX_PAYLOAD, MAX_PAYLOAD, OPUS_BYTES)
_HEADER = struct.Struct("!BBHII")


def cost_us(core: int | None) -> float:
    """Median CPU time for one packet to one receiver, in microseconds; the process moves to the core for that long."""
    home = os.sched_getaffinity(0)
    machine.pin(os.getpid(), core)
    try:
        with ExitStack() as sockets:
            sender = sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
            receivers = [
                sockets.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) for _ in range(RECEIVERS)
            ]
            return _time(sender, receivers)
    finally:
        os.sched_setaffinity(0, home)


def _time(sender: socket.socket, receivers: Sequence[socket.socket]) -> float:
    for receiver in receivers:
        receiver.bind(("127.0.0.1", 0))
        receiver.setblocking(False)
    targets = [(loopback_session().protect, receiver.getsockname()) for receiver in receivers]
    sendto = sender.sendto
    rounds_us: list[float] = []
    for number in range(ROUNDS):
        packet = _HEADER.pack(0x80, 96, number, 0, 7) + bytes(SIZES[number % len(SIZES)])
        started_ns = time.thread_time_ns()
        for protect, address in targets:
            sendto(protect(packet), address)
        rounds_us.append((time.thread_time_ns() - started_ns) / 1000 / len(targets))
        for receiver in receivers:  # the reading is not part of it
            with suppress(BlockingIOError):
                receiver.recv(2048)
    return statistics.median(rounds_us)

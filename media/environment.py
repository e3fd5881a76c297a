"""What every part of one worker shares: socket, tables, clocks, counters, certificate. A record, built once."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from media.aiortc_adapter import Certificate
from media.clock import Clock
from media.demux import Demux
from media.forwarding import Forwarder
from media.stats import Counters
from media.udp import Address, DatagramPort


@dataclass(slots=True)
class Environment:
    clock: Clock
    counters: Counters
    certificate: Certificate
    port: DatagramPort
    demux: Demux
    forwarder: Forwarder
    candidates: tuple[Address, ...]
    ssrc_base: int
    worker_token: str = ""
    tcp_candidates: tuple[Address, ...] = ()
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def keep(self, task: asyncio.Task[None]) -> None:
        """Holds a closing task until it is done."""
        self.tasks.add(task)
        task.add_done_callback(self.tasks.discard)

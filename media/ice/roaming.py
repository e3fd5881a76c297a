"""No media is sent to a new address of a client until it has answered a check of ours (as in RFC 7675, but once).

That costs one round trip. Addresses come from two places. One is the client's own check that nominates another path:
its source can be forged by the client himself, who would turn his stream on a stranger. The other is media of a client
whose address has changed without its knowing, since a router forgot a mapping or a phone changed cells: its next check
would tell, but checks come every 2.5 seconds, and media goes on at once. What decrypts with a client's key from an
address that passed no check is surely from that client, yet not surely *there*: somebody may have sent it on.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

from media.ice import stun
from media.limits import Allowance, SourceAllowances
from media.stats import Counters
from media.udp import Address, DatagramPort, StreamAddress

if TYPE_CHECKING:
    from media.transport import Transport

ASKED_PER_S, ASKED_BURST = 10, 3
MAX_QUESTIONS = 8
STRAYS_PER_S, STRAYS_BURST = 50, 100  # of a source, that did not decrypt
ANY_SSRC = b"\0\0\0\1"  # reports of browsers that send nothing: not the mark of anybody


class Strays:
    """Packets from addresses that passed no check. Owned by the demux."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._by_ssrc: dict[bytes, Transport] = {}
        self._questions: dict[bytes, Transport] = {}  # transaction → who asked
        self._failures = SourceAllowances(STRAYS_PER_S, STRAYS_BURST)

    def know(self, ssrc: bytes, transport: Transport) -> None:
        """A client sends with this SSRC. The first keeps it: nobody can take another's mark away."""
        if ssrc != ANY_SSRC:
            self._by_ssrc.setdefault(ssrc, transport)

    def forget(self, transport: Transport, ssrcs: set[bytes]) -> None:
        for ssrc in ssrcs:
            if self._by_ssrc.get(ssrc) is transport:
                del self._by_ssrc[ssrc]

    def handle_media(self, data: bytes, address: Address, source: str, now: float) -> bool:
        """Whether it was a client's, and has been used."""
        ssrc = data[4:8] if 192 <= data[1] <= 223 else data[8:12]  # RFC 5761 §4
        transport = self._by_ssrc.get(ssrc)
        if transport is None or isinstance(address, StreamAddress) or not self._failures.has(source, now):
            return False
        if transport.handle_stray(data, address, now):
            return True
        self._failures.take(source, now)
        return False

    def handle_answer(self, data: bytes, address: Address, now: float) -> bool:
        """To a check of ours; whether somebody here waited for it. Raises ValueError when it is malformed."""
        answer = stun.parse_success(data)
        transport = self._questions.get(answer.transaction_id)
        return transport is not None and transport.ice.handle_answer(data, answer, address, now)

    def ask(self, transaction_id: bytes, transport: Transport) -> None:
        self._questions[transaction_id] = transport

    def answered(self, transaction_id: bytes) -> None:
        self._questions.pop(transaction_id, None)


class Roaming:
    """The checks that one transport sends to addresses where its client may be now."""

    def __init__(self, strays: Strays, port: DatagramPort, counters: Counters) -> None:
        self._strays = strays
        self._port = port
        self._counters = counters
        self._asked: dict[bytes, tuple[Address, bytes]] = {}  # by transaction, oldest first: where, with which password
        self._allowance = Allowance(ASKED_PER_S, ASKED_BURST)

    def ask(self, transport: Transport, address: Address, username: str, password: bytes, now: float) -> None:
        """``username`` and ``password`` are for a check of the client."""
        if not self._allowance.take(now):
            return
        if len(self._asked) >= MAX_QUESTIONS:
            self._end(next(iter(self._asked)))
        transaction_id = secrets.token_bytes(12)
        self._asked[transaction_id] = (address, password)
        self._strays.ask(transaction_id, transport)
        self._counters["stun_out"] += 1
        self._port.send(stun.binding_request(transaction_id, username, password), address)

    def is_answer(self, data: bytes, answer: stun.BindingSuccess, address: Address) -> bool:
        """Whether the client is where it was asked."""
        place, password = self._asked.get(answer.transaction_id, (None, b""))
        if place != address or not stun.is_authentic(data, answer, password):
            self._counters["drop_stun_unauthentic"] += 1
            return False
        for transaction_id in list(self._asked):  # older questions are about where he was before
            self._end(transaction_id)
            if transaction_id == answer.transaction_id:
                break
        return True

    def close(self) -> None:
        for transaction_id in list(self._asked):
            self._end(transaction_id)

    def _end(self, transaction_id: bytes) -> None:
        del self._asked[transaction_id]
        self._strays.answered(transaction_id)

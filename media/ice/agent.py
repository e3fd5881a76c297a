"""The ICE side of one transport, lite (RFC 8445 §2.5): credentials, checks that count, the client's addresses.

Tells the transport where it is sent to by ``transport.move``. Knows neither keys nor media.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, NamedTuple

from media.ice import stun
from media.ice.nomination import Nomination
from media.ice.roaming import Roaming
from media.ice.transactions import RecentTransactions
from media.limits import Allowance
from media.udp import Address, DatagramPort, StreamAddress

if TYPE_CHECKING:
    from media.demux import Demux
    from media.sdp.offer import Offer
    from media.transport import Transport

MAX_ADDRESSES = 8
MAX_CREDENTIALS = 4  # ICE restarts under way at once
FAILED_CHECKS_PER_S, FAILED_CHECKS_BURST = 5, 10  # that name this transport and do not know its password
CHECKS_PER_S, CHECKS_BURST = 50, 100  # browsers begin with up to fifty a second, then send one every two seconds


class _Generation(NamedTuple):
    """The credentials of one offer and its answer."""

    password: bytes  # ours
    remote_ufrag: str
    remote_password: bytes


class _Names(NamedTuple):
    """The ufrags in the client's checks on one path. They need not be of one offer and its answer: browsers begin with
    their new ufrag and our old one while the answer is on its way, and Chromium stays with that pair if it works."""

    ours: str
    theirs: str


class IceAgent:
    """Owned by a transport. ``ufrag`` and ``password`` are for the next answer."""

    def __init__(self, transport: Transport, offer: Offer, demux: Demux, port: DatagramPort) -> None:
        self.ufrag = ""
        self.password = ""
        self._transport = transport
        self._demux = demux
        self._port = port
        self._counters = transport.counters
        self._generations: dict[str, _Generation] = {}  # by our ufrag
        self._addresses: dict[Address, _Names] = {}
        self._nomination = Nomination()
        self._is_cut_off = False  # the connection that is sent to is gone
        self._failed_checks = Allowance(FAILED_CHECKS_PER_S, FAILED_CHECKS_BURST)
        self._checks = Allowance(CHECKS_PER_S, CHECKS_BURST)
        self._transactions = RecentTransactions()
        self._roaming = Roaming(demux.strays, port, self._counters)
        self._renew(offer)

    def restart(self, offer: Offer) -> None:
        """The client has restarted ICE (RFC 8839 §4.4.3): so do we.

        Media goes on over the old path; the old credentials count until the path in use is checked with the new ones.
        """
        self._renew(offer)

    def close(self) -> None:
        """Frees addresses and ufrags."""
        for ufrag in self._generations:
            self._demux.by_ufrag.pop(ufrag, None)
        for address in self._addresses:
            self._demux.forget_address(address, self._transport)
        self._roaming.close()

    def close_streams(self) -> None:
        """After the goodbye."""
        for address in self._addresses:
            _close_stream(address)

    # --- the client's checks

    def handle_check(self, data: bytes, request: stun.BindingRequest, address: Address, now: float) -> bool:
        """One that names one of our ufrags; whether it was a client's who knows the password."""
        if not self._is_authentic(data, request, address, now):
            return False
        if not self._is_acceptable(request, address, now):
            return True
        password = self._generations[request.local_ufrag].password
        if request.claims_controlled:
            self._counters["stun_role_conflict"] += 1
            self._port.send(stun.role_conflict(request.transaction_id, password), address)
            return True
        self._transactions.add(request.transaction_id)
        self._counters["stun_in"] += 1
        self._port.send(stun.binding_response(request.transaction_id, address, password), address)
        self._admit(address, self._names_in(request))
        if request.use_candidate or self._transport.address is None or self._is_cut_off:  # any way is better than none
            self._follow(address, now)
        elif address == self._nomination.address:  # not every client nominates again
            self.ask(address, now)
        self._forget_old_credentials()
        self._transport.handle_alive(address, now)
        return True

    def handle_lost(self, address: Address) -> None:
        """A TCP connection broke. What is sent until the client has found another way is dropped."""
        if self._addresses.pop(address, None) is not None:
            self._is_cut_off = self._is_cut_off or address == self._transport.address

    # --- our own

    def tick(self, now: float) -> None:
        """Asks again on the path that is nominated."""
        address = self._nomination.due(now)
        if address is not None:
            self.ask(address, now)

    def ask(self, address: Address, now: float) -> None:
        """The client's check or media comes from here: is he here?"""
        names = self._addresses.get(address, self._names)
        passwords = {path.remote_ufrag: path.remote_password for path in self._generations.values()}
        if names.theirs not in passwords:  # forgotten; then he has newer ones
            names = self._newest_names
        username = f"{names.theirs}:{names.ours}"
        self._roaming.ask(self._transport, address, username, passwords[names.theirs], now)

    def handle_answer(self, data: bytes, answer: stun.BindingSuccess, address: Address, now: float) -> bool:
        """Whether the client has shown by it that he is there."""
        if not self._roaming.is_answer(data, answer, address):
            return False
        if address == self._nomination.address:
            self._nomination.end()
        if self._is_taken(address, now):
            return True
        self._counters["moved_when_asked"] += address != self._transport.address
        self._admit(address, self._addresses.get(address, self._names))
        self._move(address)
        self._forget_old_credentials()
        self._transport.handle_alive(address, now)
        return True

    # --- private

    @property
    def _names(self) -> _Names:
        """Of the path in use: after a restart media may stay on the old one."""
        address = self._transport.address
        found = self._addresses.get(address) if address is not None else None
        return found or self._newest_names

    @property
    def _newest_names(self) -> _Names:
        return _Names(self.ufrag, self._generations[self.ufrag].remote_ufrag)

    def _names_in(self, request: stun.BindingRequest) -> _Names:
        is_known = any(request.remote_ufrag == path.remote_ufrag for path in self._generations.values())
        theirs = request.remote_ufrag if is_known else self._generations[request.local_ufrag].remote_ufrag
        return _Names(request.local_ufrag, theirs)

    def _renew(self, offer: Offer) -> None:
        if len(self._generations) >= MAX_CREDENTIALS:
            used = self._names.ours
            self._forget(next(ufrag for ufrag in self._generations if ufrag != used))
        self.ufrag, self.password = secrets.token_hex(4), secrets.token_hex(12)
        self._generations[self.ufrag] = _Generation(self.password.encode(), offer.ice_ufrag, offer.ice_pwd.encode())
        self._demux.by_ufrag[self.ufrag] = self._transport

    def _forget_old_credentials(self) -> None:
        """Once the path in use is checked with the new ones."""
        if len(self._generations) == 1 or self._names.ours != self.ufrag:
            return
        for ufrag in [item for item in self._generations if item != self.ufrag]:
            self._forget(ufrag)

    def _forget(self, ufrag: str) -> None:
        del self._generations[ufrag]
        self._demux.by_ufrag.pop(ufrag, None)

    def _is_authentic(self, data: bytes, request: stun.BindingRequest, address: Address, now: float) -> bool:
        """Guesses from elsewhere are soon not even looked at; who is admitted already is not affected by them."""
        is_known = address in self._addresses
        if not is_known and not self._failed_checks.has(now):
            self._counters["drop_stun_rate"] += 1
            return False
        found = self._generations.get(request.local_ufrag)
        if found is not None and stun.is_authentic(data, request, found.password):
            return True
        if not is_known:
            self._failed_checks.take(now)
        self._counters["drop_stun_unauthentic"] += 1
        return False

    def _is_acceptable(self, request: stun.BindingRequest, address: Address, now: float) -> bool:
        if self._is_taken(address, now):
            return False
        if address not in self._addresses and request.transaction_id in self._transactions:
            # Integrity does not cover the source: who overheard a check must not draw the stream to himself with it.
            self._counters["drop_stun_replayed"] += 1
            return False
        if not self._checks.take(now):
            self._counters["drop_check_rate"] += 1
            return False
        return True

    def _is_taken(self, address: Address, now: float) -> bool:
        """What comes with a forged source must not take a living client's address away."""
        owner = self._demux.by_address.get(address)
        if owner is None or owner is self._transport or not owner.is_alive(now):
            return False
        self._counters["drop_stun_taken"] += 1
        return True

    def _follow(self, address: Address, now: float) -> None:
        """The client says that he is here. Whoever knows the password can forge the source of a check.

        So once there is a path, another must have been seen to work both ways, or a member could turn his stream on a
        stranger. The first needs no question: no media is sent until DTLS has been through it.
        """
        is_seen = isinstance(address, StreamAddress) or self._transport.address is None
        if is_seen or address == self._transport.address:
            self._nomination.end()
            self._roaming.close()  # an answer from where he was nominated before comes too late
            self._move(address)
        else:
            self._nomination.begin(address, now)
            self.ask(address, now)

    def _move(self, address: Address) -> None:
        if self._transport.address != address:
            self._is_cut_off = False
            self._transport.move(address)

    def _admit(self, address: Address, names: _Names) -> None:
        """Datagrams from here may now reach DTLS and SRTP."""
        self._demux.by_address[address] = self._transport
        is_known = address in self._addresses
        self._addresses[address] = names
        if is_known:
            return
        if isinstance(address, StreamAddress):
            address.stream.handle_admitted()
        if len(self._addresses) > MAX_ADDRESSES:
            old = next(item for item in self._addresses if item != self._transport.address)
            del self._addresses[old]
            self._demux.forget_address(old, self._transport)
            _close_stream(old)


def _close_stream(address: Address) -> None:
    if isinstance(address, StreamAddress):
        address.stream.close()

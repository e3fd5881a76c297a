"""Fixtures of the bench's own tests: a viewer on a real socket whose packets come from a real SRTP session."""

from __future__ import annotations

import dataclasses
import socket
import struct
import time
from collections.abc import Iterator
from typing import Any

import pytest
from pylibsrtp import Policy, Session

from tests.bench.offer import TRANSPORT_CC, AnsweredMedia
from tests.bench.peer import Peer
from tests.bench.report import Measurement
from tests.bench.subscriber import Subscriber
from tests.bench.traffic import Lane, stamp

TWCC_ID = 3


def measurement(**changes: Any) -> Measurement:
    """A run of which nothing is known but this."""
    zeros = {field.name: 0 for field in dataclasses.fields(Measurement)}
    texts = {"scenario": "lesson", "srtp_profile": "SRTP_AEAD_AES_128_GCM", "publisher": {}, "memory": {}}
    return Measurement(**{**zeros, "noisy": False, **texts, **changes})


class Server:
    """Sends protected packets to one viewer, numbered by itself."""

    def __init__(self, subscriber: Subscriber) -> None:
        key = bytes(range(28))
        profile = Policy.SRTP_PROFILE_AEAD_AES_128_GCM
        policy = Policy(key=key, ssrc_type=Policy.SSRC_ANY_OUTBOUND, srtp_profile=profile)
        policy.allow_repeat_tx = True
        self._srtp = Session(policy)
        subscriber.peer.receiving = Session(Policy(key=key, ssrc_type=Policy.SSRC_ANY_INBOUND, srtp_profile=profile))
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._socket.connect(("127.0.0.1", subscriber.peer.port))
        subscriber.peer.socket.connect(self._socket.getsockname())  # strangers on this machine stay outside
        self.subscriber = subscriber

    def send(
        self, feed: int, number: int, sequence: int, *, transport_sequence: int | None = None, ssrc: int | None = None
    ) -> None:
        """One packet of a feed under the server's own sequence number and SSRC; the viewer reads it."""
        body = bytes(50) + stamp(feed, number, time.monotonic_ns())
        self._send(1000 + feed if ssrc is None else ssrc, sequence, transport_sequence, body)

    def send_bare(self, sequence: int, *, transport_sequence: int) -> None:
        """A packet on another SSRC that carries no media."""
        self._send(999, sequence, transport_sequence, bytes(200))

    def _send(self, ssrc: int, sequence: int, transport_sequence: int | None, body: bytes) -> None:
        extension = b""
        if transport_sequence is not None:
            # Padding before the element, so that the viewer has to walk (RFC 8285 §4.2).
            extension = struct.pack("!HHBBHI", 0xBEDE, 2, 0, TWCC_ID << 4 | 1, transport_sequence, 0)
        header = struct.pack("!BBHII", 0x90 if extension else 0x80, 96, sequence & 0xFFFF, 0, ssrc)
        self._socket.send(self._srtp.protect(header + extension + body))
        assert self.subscriber.read() == 1

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def server() -> Iterator[Server]:
    peer = Peer(gro=True)
    subscriber = Subscriber(peer, sampled=True, expected=Lane)
    line = AnsweredMedia("video", "4", 9, "sendonly", extensions={TRANSPORT_CC: TWCC_ID})
    subscriber.negotiated((line,))
    sender = Server(subscriber)
    yield sender
    sender.close()
    peer.socket.close()

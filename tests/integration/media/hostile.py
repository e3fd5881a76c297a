"""Sends what nobody should: ``python -m tests.integration.media.hostile COUNT PER_S SEED``, with a task as its input.

The task is JSON: the worker's address, descriptors of sockets that were handed down (strangers' and a valid client's
own), a client's ufrag, and real datagrams to replay. The last line of output is JSON: how many of each kind were sent.
"""

from __future__ import annotations

import json
import random
import socket
import sys
import time
from collections import Counter
from collections.abc import Callable

from tests.unit.media.test_stun import request

DTLS_VERSIONS = (b"\xfe\xff", b"\xfe\xfd", b"\xfe\xfc")
BATCH = 100


def kinds(source: random.Random, ufrag: str, replays: list[bytes]) -> dict[str, Callable[[], bytes]]:
    """Makers of each kind of datagram."""
    guess = request(f"{ufrag}:x", "a guess", True)
    claim = request(f"{ufrag}:x", "a guess", True, role="ICE-CONTROLLED")

    def body(low: int, high: int) -> bytes:
        return source.randbytes(source.randint(low, high))

    def stun() -> bytes:
        attributes = body(0, 60)
        attributes += bytes(-len(attributes) % 4)
        length = len(attributes) if source.random() < 0.7 else source.randrange(65536)
        return (
            b"\0"
            + bytes((source.randrange(4),))
            + length.to_bytes(2, "big")
            + b"\x21\x12\xa4\x42"
            + body(12, 12)
            + attributes
        )

    def record(content: int) -> bytes:
        payload = body(1, 80)
        head = bytes((content,)) + source.choice(DTLS_VERSIONS) + source.randrange(3).to_bytes(2, "big") + body(6, 6)
        length = len(payload) if source.random() < 0.7 else source.randrange(65536)
        return head + length.to_bytes(2, "big") + payload

    def alert() -> bytes:
        head = b"\x15\xfe\xfd" + source.randrange(3).to_bytes(2, "big") + source.randrange(1 << 20).to_bytes(6, "big")
        return head + b"\0\2" + bytes((source.choice((1, 2)), source.choice((0, 10, 20, 40, 47, 80))))

    return {
        "empty": lambda: b"",
        "short": lambda: body(1, 12),
        "oversized": lambda: bytes((source.choice((0, 22, 128)),)) + body(1500, 4000),
        "junk": lambda: body(13, 1500),
        "stun": stun,
        "guess": lambda: guess,
        "claim": lambda: claim,
        "replay": lambda: source.choice(replays),
        "dtls": lambda: record(source.randrange(20, 64)),
        "client_hello": lambda: record(22),
        "alert": alert,
        "rtp": lambda: bytes((source.randrange(128, 192), source.choice((96, 108, 111)))) + body(11, 1200),
        "rtcp": lambda: bytes((source.randrange(128, 192), source.randrange(192, 224))) + body(11, 200),
        "tiny_rtcp": lambda: b"\x80" + bytes((source.randrange(200, 207),)) + body(11, 40),
    }


def main(count: int, per_s: int, seed: int) -> None:
    task = json.load(sys.stdin)
    source = random.Random(seed)
    sockets = [socket.socket(fileno=number) for number in task["descriptors"]]
    made = kinds(source, task["ufrag"], [bytes.fromhex(item) for item in task["replays"]])
    names = list(made)
    target = tuple(task["address"])
    sent: Counter[str] = Counter()
    begin = time.monotonic()
    for number in range(count):
        name = source.choice(names)
        try:
            source.choice(sockets).sendto(made[name](), target)
        except OSError:
            sent["refused"] += 1  # by our own kernel: it never left
            continue
        sent[name] += 1
        if number % BATCH == 0:
            time.sleep(max(0.0, begin + number / per_s - time.monotonic()))
    for opened in sockets:
        opened.detach()
    sys.stdout.write(json.dumps({**sent, "seconds": round(time.monotonic() - begin, 1)}) + "\n")


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

"""A network namespace with an address of its own: Firefox gathers no loopback candidates, here it finds a real one.

Both ends of a veth pair are inside; nothing leads out. Programs enter it by ``ip netns exec``.
"""

from __future__ import annotations

import secrets
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

ADDRESS = "10.99.0.1"


@dataclass(frozen=True, slots=True)
class Namespace:
    name: str
    address: str

    @property
    def prefix(self) -> list[str]:
        """Put before a command line to run it inside."""
        return ["ip", "netns", "exec", self.name]


@contextmanager
def namespace() -> Iterator[Namespace]:
    """Raises RuntimeError saying what is lacking where namespaces cannot be made."""
    if shutil.which("ip") is None:
        raise RuntimeError("the `ip` command is missing: apt install iproute2")
    name = f"huitang-{secrets.token_hex(3)}"
    _ip("netns", "add", name)
    try:
        _ip("-n", name, "link", "add", "v0", "type", "veth", "peer", "name", "v1")
        for link, address in (("v0", ADDRESS), ("v1", "10.99.0.2")):
            _ip("-n", name, "addr", "add", f"{address}/24", "dev", link)
            _ip("-n", name, "link", "set", link, "up")
        _ip("-n", name, "link", "set", "lo", "up")
        yield Namespace(name, ADDRESS)
    finally:
        _ip("netns", "delete", name)


def _ip(*words: str) -> None:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(f"ip {' '.join(words)}: {done.stderr.strip()} (network namespaces need root)")

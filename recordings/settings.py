"""Settings of the recorder, from the environment.

========================  ==========================================================================================
SERVER_URL                http(s) address of the server
WORKER_TOKEN              the token that all workers share with the server
RECORDER_ID               name of this recorder; default: host name and process id
OBJECT_STORE              file:///folder or s3://key:secret@host:port/bucket?secure=0&region=…
RECORDINGS_SPOOL          folder for journals and for segments that are not stored yet
RECORDINGS_TLS_VERIFY     0: accept a self-signed certificate of the server (one machine, loopback)
========================  ==========================================================================================
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple


class Settings(NamedTuple):
    server_url: str
    worker_token: str
    recorder_id: str
    object_store: str
    spool: Path
    tls_verify: bool


def read_settings(environ: Mapping[str, str]) -> Settings:
    """ValueError names what is missing; it never shows a value."""
    missing = [
        name
        for name in ("SERVER_URL", "WORKER_TOKEN", "OBJECT_STORE", "RECORDINGS_SPOOL")
        if not environ.get(name, "").strip()
    ]
    if missing:
        raise ValueError(f"not set: {', '.join(missing)}")
    return Settings(
        server_url=environ["SERVER_URL"].rstrip("/"),
        worker_token=environ["WORKER_TOKEN"],
        recorder_id=environ.get("RECORDER_ID") or f"{socket.gethostname()}-{os.getpid()}",
        object_store=environ["OBJECT_STORE"],
        spool=Path(environ["RECORDINGS_SPOOL"]),
        tls_verify=environ.get("RECORDINGS_TLS_VERIFY", "1") != "0",
    )

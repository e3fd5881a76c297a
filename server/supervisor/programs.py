"""Which processes make up one installation on one machine, and what each is told by its environment."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from server.settings import Settings
from server.supervisor.children import Program

FIRST_MEDIA_PORT = 40000  # on a public address the port is fixed, so that a firewall can let it through


# An idle one costs 0.6 % of a core and 60 MB. From two on, the rooms of one that dies are at another at once.
MOST_MEDIA_WORKERS = 4  # unless MEDIA_WORKERS says more


def media_worker_count(env: Mapping[str, str], cores: int | None = None) -> int:
    """One per core, at most four; or MEDIA_WORKERS, never more than cores. Raises ValueError."""
    if cores is None:
        cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min(cores, int(env.get("MEDIA_WORKERS", MOST_MEDIA_WORKERS))))


def programs(
    settings: Settings, env: Mapping[str, str], worker_token: str, tls: tuple[Path, Path] | None
) -> list[Program]:
    """Server first: the others wait for it by themselves."""
    run_dir = settings.data_dir / "run"
    shared = dict(env) | {
        "WORKER_TOKEN": worker_token,
        "DATA_DIR": str(settings.data_dir),
        "HOST": settings.host,
        "PORT": str(settings.port),
        "OBJECT_STORE": settings.effective_object_store,
        "PYTHONUNBUFFERED": "1",
    }
    if tls is not None:
        shared |= {"TLS_CERT": str(tls[0]), "TLS_KEY": str(tls[1])}
    scheme = "https" if tls is not None or settings.tls_cert else "http"
    local_host = "127.0.0.1" if settings.host in ("0.0.0.0", "::") else settings.host  # noqa: S104
    worker = shared | {"SERVER_URL": f"{scheme}://{local_host}:{settings.port}"}
    found = [Program("server", ("-m", "server"), shared)]
    public = settings.host not in ("127.0.0.1", "localhost", "::1")
    first_port = int(env.get("MEDIA_PORT", FIRST_MEDIA_PORT if public else 0))
    for number in range(media_worker_count(env)):
        own = {
            "WORKER_ID": f"media-{number}",
            "MEDIA_HOST": env.get("MEDIA_HOST", settings.host),
            "MEDIA_PORT": str(first_port + number if first_port else 0),
            "MEDIA_TAP_DIR": str(run_dir),
            "MEDIA_TLS_VERIFY": "0" if tls is not None else env.get("MEDIA_TLS_VERIFY", "1"),
        }
        found.append(Program(f"media-{number}", ("-m", "media"), worker | own))
    recorder = {
        "RECORDER_ID": "recorder-0",
        "RECORDINGS_SPOOL": str(settings.data_dir / "spool"),
        "RECORDINGS_TLS_VERIFY": "0" if tls is not None else env.get("RECORDINGS_TLS_VERIFY", "1"),
    }
    found.append(Program("recorder-0", ("-m", "recordings"), worker | recorder))
    return found

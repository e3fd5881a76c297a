"""``make run``: lays out the data folder, starts every process, says where to go, stops all on Ctrl-C."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import signal
import socket
import ssl
import sys
from pathlib import Path

import aiohttp
import segno

from server.settings import Settings, load_settings
from server.supervisor.certificate import ensure_certificate, local_addresses
from server.supervisor.children import Child
from server.supervisor.programs import programs

READY_DEADLINE_S = 60.0
PUBLIC_HOSTS = ("0.0.0.0", "::")  # noqa: S104


def say(line: str) -> None:
    """One line for the person at the terminal."""
    print(line, flush=True)


def main() -> int:
    try:
        settings = load_settings()
        _claim_port(settings)
    except (ValueError, OSError) as error:
        say(f"huitang: {error}")
        return 1
    _lay_out(settings.data_dir)
    return asyncio.run(supervise(settings))


async def supervise(settings: Settings) -> int:
    """Runs until SIGINT or SIGTERM; then everything is stopped in under 3 s."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    tls = None
    if settings.host in PUBLIC_HOSTS and not settings.tls_cert:
        tls = ensure_certificate(settings.data_dir / "tls", local_addresses())
    token = _worker_token(settings.data_dir / "run" / "worker-token")
    log_dir = settings.data_dir / "logs"
    children = [Child(p, log_dir, say) for p in programs(settings, os.environ, token, tls)]
    tasks = [asyncio.create_task(child.run(), name=child.program.name) for child in children]
    welcome = asyncio.create_task(_welcome(settings, secure=tls is not None or bool(settings.tls_cert)))
    await stop.wait()
    welcome.cancel()
    for task in tasks:
        task.cancel()
    await asyncio.gather(welcome, *tasks, return_exceptions=True)
    say("huitang: stopped")
    return 0


async def _welcome(settings: Settings, *, secure: bool) -> None:
    """Waits until a lesson can be held, then prints the address, a QR code and the demonstration's logins."""
    scheme = "https" if secure else "http"
    probe_host = "127.0.0.1" if settings.host in PUBLIC_HOSTS else settings.host
    if not await _ready(f"{scheme}://{probe_host}:{settings.port}/healthz"):
        say(f"huitang: not ready after {READY_DEADLINE_S:.0f} s; see {settings.data_dir / 'logs'}")
    hosts = local_addresses() if settings.host in PUBLIC_HOSTS else [settings.host]
    addresses = [f"{scheme}://{host}:{settings.port}/" for host in hosts or [probe_host]]
    for address in addresses:
        say(f"Huitang 会堂 is ready: {address}")
    if settings.host in PUBLIC_HOSTS:
        say("Phones in the same network: scan, then accept the self-signed certificate.")
        segno.make(addresses[0], error="m").terminal(out=sys.stdout, compact=True)
    _print_logins(settings.data_dir / "demo-logins.json")
    say("Ctrl-C stops everything.")


async def _ready(url: str) -> bool:
    # The probe goes to our own child on loopback with a certificate that we made: there is nothing to verify.
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    deadline = asyncio.get_running_loop().time() + READY_DEADLINE_S
    async with aiohttp.ClientSession() as session:
        while asyncio.get_running_loop().time() < deadline:
            with contextlib.suppress(aiohttp.ClientError, TimeoutError, OSError):
                async with session.get(url, ssl=context, timeout=aiohttp.ClientTimeout(total=2)) as answer:
                    if answer.status == 200:
                        return True
            await asyncio.sleep(0.2)
    return False


def _print_logins(path: Path) -> None:
    with contextlib.suppress(OSError, ValueError):
        for login in json.loads(path.read_text(encoding="utf-8")):
            say(f"  {login['role']:<14} {login['account']:<14} {login['password']}   {login['name']}")


def _claim_port(settings: Settings) -> None:
    """A taken port is told before anything starts."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.host, settings.port))
        except OSError as error:
            raise OSError(f"cannot listen on {settings.host}:{settings.port}: {error.strerror}; set PORT") from error


def _lay_out(data_dir: Path) -> None:
    for name in ("run", "logs", "spool", "objects", "journal"):
        (data_dir / name).mkdir(parents=True, exist_ok=True, mode=0o700)


def _worker_token(path: Path) -> str:
    """The secret that the processes of this installation share; made once, readable by its owner only."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32), encoding="ascii")
    return path.read_text(encoding="ascii").strip()


if __name__ == "__main__":
    sys.exit(main())

"""Settings of a media worker, read once from the environment. Knows nothing of the rest of the worker."""

from __future__ import annotations

import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Settings:
    """Every field names the variable it comes from; a bad value raises ValueError with that name."""

    server_url: str  # SERVER_URL: http(s)://host:port of the server, required
    worker_token: str  # WORKER_TOKEN: shared secret of server, workers and recorders, required
    worker_id: str  # WORKER_ID: unique among the workers of a server; default media-<pid>-<random>
    host: str  # MEDIA_HOST: address to bind, or an IPv4 and an IPv6 one; 0.0.0.0 and :: stand for all of the machine
    host6: str  # the same variable: "" without IPv6; :: alone means all addresses of both kinds
    port: int  # MEDIA_PORT: UDP and TCP port, 0 = any free one
    tcp: bool  # MEDIA_TCP: 0 listens on UDP alone
    advertise: tuple[tuple[str, int], ...]  # MEDIA_ADVERTISE: "ip:port[,ip:port]" for candidates
    advertise_tcp: tuple[tuple[str, int], ...]  # MEDIA_ADVERTISE_TCP: the same for TCP; default MEDIA_ADVERTISE
    tap_dir: Path | None  # MEDIA_TAP_DIR: folder of the tap's unix socket
    tap_tcp: tuple[str, int] | None  # MEDIA_TAP_TCP: "host:port" of the tap instead of a unix socket
    link_tcp: tuple[str, int] | None  # MEDIA_LINK_TCP: "host:port" for other workers, instead of a unix socket
    tls_verify: bool  # MEDIA_TLS_VERIFY: 0 accepts a self-signed certificate of the server

    @classmethod
    def from_env(cls, env: Mapping[str, str] = os.environ) -> Settings:
        """Reads and checks all variables."""
        return cls(
            server_url=_required(env, "SERVER_URL").rstrip("/"),
            worker_token=_required(env, "WORKER_TOKEN"),
            worker_id=env.get("WORKER_ID") or f"media-{os.getpid()}-{secrets.token_hex(3)}",
            host=_hosts(env)[0],
            host6=_hosts(env)[1],
            port=_port("MEDIA_PORT", env.get("MEDIA_PORT") or "0"),
            tcp=env.get("MEDIA_TCP", "1") != "0",
            advertise=_endpoints(env, "MEDIA_ADVERTISE"),
            advertise_tcp=_endpoints(env, "MEDIA_ADVERTISE_TCP") or _endpoints(env, "MEDIA_ADVERTISE"),
            tap_dir=Path(env["MEDIA_TAP_DIR"]) if env.get("MEDIA_TAP_DIR") else None,
            tap_tcp=_endpoint("MEDIA_TAP_TCP", env["MEDIA_TAP_TCP"]) if env.get("MEDIA_TAP_TCP") else None,
            link_tcp=_endpoint("MEDIA_LINK_TCP", env["MEDIA_LINK_TCP"]) if env.get("MEDIA_LINK_TCP") else None,
            tls_verify=env.get("MEDIA_TLS_VERIFY", "1") != "0",
        )


def _hosts(env: Mapping[str, str]) -> tuple[str, str]:
    """The IPv4 and the IPv6 address to bind; "" for a kind that was not asked for."""
    named = [item.strip() for item in (env.get("MEDIA_HOST") or "127.0.0.1").split(",")]
    v4 = [item for item in named if ":" not in item]
    v6 = [item for item in named if ":" in item]
    if len(v4) > 1 or len(v6) > 1 or not all(named):
        raise ValueError(f"MEDIA_HOST: {env['MEDIA_HOST']!r} is not one address of each kind")
    if named == ["::"]:
        return "0.0.0.0", "::"  # noqa: S104 - asked for by the operator
    return v4[0] if v4 else "", v6[0] if v6 else ""


def _required(env: Mapping[str, str], name: str) -> str:
    value = env.get(name, "")
    if not value:
        raise ValueError(f"{name} is not set")
    return value


def _port(name: str, text: str) -> int:
    if not text.isdecimal() or int(text) > 65535:
        raise ValueError(f"{name}: {text!r} is not a port")
    return int(text)


def _endpoints(env: Mapping[str, str], name: str) -> tuple[tuple[str, int], ...]:
    return tuple(_endpoint(name, item.strip()) for item in env.get(name, "").split(",") if item.strip())


def _endpoint(name: str, text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError(f"{name}: {text!r} is not host:port")
    return host.removeprefix("[").removesuffix("]"), _port(name, port)

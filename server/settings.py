"""Settings from the environment, read once, frozen. docs/operations.md documents each (a test compares)."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Settings:
    """What an operator can set. Relative paths are relative to the working directory."""

    host: str = "127.0.0.1"
    port: int = 8080
    data_dir: Path = Path("data")
    database_url: str = ""  # "" = SQLite in data_dir
    object_store: str = ""  # "" = local store in data_dir
    worker_token: str = ""  # shared secret of media workers and recorders; the supervisor makes one
    public_origins: tuple[str, ...] = ()  # extra allowed Origin values, for a TLS front
    trusted_proxies: tuple[str, ...] = ()  # addresses and networks whose X-Forwarded-For is believed
    redis_url: str = ""  # "" = one server; else Socket.IO fan-out over Redis
    tls_cert: str = ""
    tls_key: str = ""
    turn_urls: tuple[str, ...] = ()  # of coturn, as browsers write them
    turn_secret: str = ""  # coturn's static-auth-secret
    spread_at: int = 300  # participants of a room on one media worker before it takes in another
    max_participants: int = 1200  # of a room on one media worker
    demo: bool = True
    web_dist: Path = Path("web/dist")
    log_level: str = "INFO"

    @property
    def effective_database_url(self) -> str:
        return self.database_url or f"sqlite+aiosqlite:///{self.data_dir / 'huitang.db'}"

    def require_database(self) -> None:
        """Raises ValueError where SQLite would quietly make an empty database in the wrong folder."""
        if not self.database_url and not (self.data_dir / "huitang.db").is_file():
            raise ValueError(f"there is no database in {self.data_dir.resolve()}: set DATA_DIR as for the server")

    @property
    def effective_object_store(self) -> str:
        return self.object_store or f"file://{(self.data_dir / 'objects').resolve()}"


def load_settings(env: Mapping[str, str] = os.environ) -> Settings:
    """Raises ValueError naming the variable that cannot be read."""
    port = env.get("PORT", "8080")
    if not port.isdecimal() or not 0 <= int(port) <= 65535:
        raise ValueError(f"PORT must be a number from 0 to 65535, not {port!r}")
    return Settings(
        host=env.get("HOST", "127.0.0.1"),
        port=int(port),
        data_dir=Path(env.get("DATA_DIR", "data")),
        database_url=_async_driver(env.get("DATABASE_URL", "")),
        object_store=env.get("OBJECT_STORE", ""),
        worker_token=env.get("WORKER_TOKEN", ""),
        public_origins=_list(env.get("PUBLIC_ORIGINS", "")),
        trusted_proxies=_networks("TRUSTED_PROXIES", env.get("TRUSTED_PROXIES", "")),
        redis_url=env.get("REDIS_URL", ""),
        tls_cert=env.get("TLS_CERT", ""),
        tls_key=env.get("TLS_KEY", ""),
        turn_urls=_turn_urls(env.get("TURN_URLS", ""), env.get("TURN_SECRET", "")),
        turn_secret=env.get("TURN_SECRET", ""),
        spread_at=_positive("MEDIA_SPREAD_AT", env.get("MEDIA_SPREAD_AT", "300")),
        max_participants=_positive("MAX_PARTICIPANTS", env.get("MAX_PARTICIPANTS", "1200")),
        demo=env.get("DEMO", "1") != "0",
        web_dist=Path(env.get("WEB_DIST", "web/dist")),
        log_level=env.get("LOG_LEVEL", "INFO"),
    )


def _positive(name: str, text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) < 1_000_000:
        raise ValueError(f"{name} must be a positive number, not {text!r}")
    return int(text)


def _list(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(",") if part.strip())


def _networks(name: str, text: str) -> tuple[str, ...]:
    for part in _list(text):
        try:
            ipaddress.ip_network(part, strict=False)
        except ValueError:
            raise ValueError(f"{name} must be addresses or networks, not {part!r}") from None
    return _list(text)


def _turn_urls(text: str, secret: str) -> tuple[str, ...]:
    urls = _list(text)
    for url in urls:
        if not url.startswith(("turn:", "turns:")):
            raise ValueError(f"TURN_URLS must be turn: or turns: addresses, not {url!r}")
    if urls and not secret:
        raise ValueError("TURN_URLS needs TURN_SECRET, the static-auth-secret of the TURN server")
    return urls


def _async_driver(url: str) -> str:
    """Operators write ``postgresql://``; SQLAlchemy wants the driver's name."""
    for plain, driver in (("postgresql://", "postgresql+asyncpg://"), ("sqlite://", "sqlite+aiosqlite://")):
        if url.startswith(plain):
            return driver + url.removeprefix(plain)
    return url

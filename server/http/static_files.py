"""The web app's files. Hashed assets are kept for a year; every other address gets index.html, for the router there."""

from __future__ import annotations

from pathlib import Path

from aiohttp import web

from server.errors import NotFoundError
from server.http.middleware import Handler

FOR_EVER = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"
OURS = ("api/", "socket.io/")


def static_files(folder: Path) -> Handler:
    """aiohttp's FileResponse answers ranges and dates by itself, and sends ``x.gz`` to who takes gzip."""
    root = folder.resolve()

    async def handle(request: web.Request) -> web.StreamResponse:
        name = request.match_info["name"]
        if name.startswith(OURS):
            raise NotFoundError("no such address")
        file = find_file(root, name)
        if file is None and (name.startswith("assets/") or "." in name.rpartition("/")[2]):
            raise NotFoundError("no such file")
        if file is None:
            file = root / "index.html"
            if not file.is_file():
                raise NotFoundError("the web app is not built: run `make run`, or `npm run build` in web/")
        cache = FOR_EVER if name.startswith("assets/") else ASK_AGAIN
        return web.FileResponse(file, headers={"Cache-Control": cache})

    return handle


def find_file(root: Path, name: str) -> Path | None:
    """Only what really lies below the folder: no ``..``, no link that leads out of it, nothing hidden."""
    if not name or "\0" in name or any(part.startswith(".") for part in name.split("/")):
        return None
    file = (root / name).resolve()
    return file if file.is_relative_to(root) and file.is_file() else None

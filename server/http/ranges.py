"""Byte ranges of RFC 9110 §14 for bodies that are in memory. One range or the whole; others are not asked for."""

from __future__ import annotations

import re

from aiohttp import web

RANGE = re.compile(r"bytes=([0-9]{1,15})-([0-9]{0,15})|bytes=-([0-9]{1,15})", re.ASCII)


def span(wanted: re.Match[str], size: int) -> tuple[int, int]:
    """Half-open: from–to, from–, –last."""
    start, end, last = wanted.groups()
    if last is not None:
        return max(size - int(last), 0), size
    return int(start), min(int(end) + 1, size) if end else size


def ranged(request: web.Request, body: bytes, content_type: str, cache: str) -> web.Response:
    """200, 206, or 416 for a range that begins behind the end."""
    headers = {"Content-Type": content_type, "Cache-Control": cache, "Accept-Ranges": "bytes"}
    wanted = RANGE.fullmatch(request.headers.get("Range", ""))
    if wanted is None:
        return web.Response(body=body, headers=headers)
    start, end = span(wanted, len(body))
    if start >= end:
        return web.Response(status=416, headers={"Content-Range": f"bytes */{len(body)}"})
    headers["Content-Range"] = f"bytes {start}-{end - 1}/{len(body)}"
    return web.Response(status=206, body=body[start:end], headers=headers)

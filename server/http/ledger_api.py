"""The ledger over HTTP: list, entry, minutes, signatures, exports, proof. Thin: rights and rules: server/record."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from aiohttp import web

from server.http.routing import Call, Route
from server.protocol.base import Message
from server.protocol.http import LedgerEntry, LedgerPage, MinutesInput, SignInput
from server.record.entries import LedgerQuery
from server.record.exports.file import ExportFile
from server.record.verify_offline import canonical_json


class EntryQuery(Message):
    """``lang``: language of the explanations; the record itself is Chinese."""

    lang: Literal["zh", "en"] = "zh"


async def list_entries(call: Call) -> LedgerPage:
    return await call.services.record.page(call.who, call.query or LedgerQuery())


async def read_entry(call: Call) -> LedgerEntry:
    query = call.query or EntryQuery()
    entry = await call.services.record.entry(call.arg("entry_id"), call.who, query.lang)
    await call.services.access_log.note(call.who, "read_ledger_entry", entry.row.entry_id)
    return entry


async def put_minutes(call: Call) -> LedgerEntry:
    entry_id, record = call.arg("entry_id"), call.services.record
    await record.put_minutes(entry_id, call.who, call.body)
    await call.services.access_log.note(call.who, "write_minutes", entry_id)
    return await record.entry(entry_id, call.who)


async def sign(call: Call) -> LedgerEntry:
    entry_id, record = call.arg("entry_id"), call.services.record
    await record.sign(entry_id, call.who, call.body)
    await call.services.access_log.note(call.who, "sign_ledger_entry", entry_id)
    return await record.entry(entry_id, call.who)


async def export_sign_in_sheet(call: Call) -> web.Response:
    file = await call.services.record.sign_in_sheet(call.arg("entry_id"), call.who)
    return await _download(call, "export_sign_in_sheet", file)


async def export_minutes(call: Call) -> web.Response:
    file = await call.services.record.minutes_document(call.arg("entry_id"), call.who)
    return await _download(call, "export_minutes", file)


async def export_proof(call: Call) -> web.Response:
    entry_id = call.arg("entry_id")
    proof = await call.services.record.proof(entry_id, call.who)
    file = ExportFile(f"proof_{entry_id}.json", "application/json", canonical_json(proof).encode())
    return await _download(call, "export_proof", file)


async def _download(call: Call, action: str, file: ExportFile) -> web.Response:
    """The note is written before a byte goes out."""
    await call.services.access_log.note(call.who, action, call.arg("entry_id"))
    # RFC 6266 §5: a plain name for old clients, the real one for all others.
    ascii_name = f"{action.removeprefix('export_')}.{file.name.rpartition('.')[2]}"
    names = f"filename=\"{ascii_name}\"; filename*=UTF-8''{quote(file.name, safe='')}"
    headers = {"Content-Disposition": f"attachment; {names}", "Cache-Control": "private, no-store"}
    return web.Response(body=file.body, content_type=file.content_type, headers=headers)


ROUTES: tuple[Route, ...] = (
    Route("GET", "/api/ledger", list_entries, "session", "Ledger entries I may read", None, LedgerQuery, LedgerPage),
    Route(
        "GET", "/api/ledger/{entry_id}", read_entry, "session", "A ledger entry", query=EntryQuery, answer=LedgerEntry
    ),
    Route(
        "PUT",
        "/api/ledger/{entry_id}/minutes",
        put_minutes,
        "session",
        "Write a new version of the minutes",
        body=MinutesInput,
        answer=LedgerEntry,
    ),
    Route(
        "POST",
        "/api/ledger/{entry_id}/sign",
        sign,
        "session",
        "Sign as recorder, then as host",
        body=SignInput,
        answer=LedgerEntry,
    ),
    Route(
        "GET",
        "/api/ledger/{entry_id}/sign-in-sheet.xlsx",
        export_sign_in_sheet,
        "session",
        "The sign-in sheet as XLSX",
    ),
    Route("GET", "/api/ledger/{entry_id}/minutes.docx", export_minutes, "session", "The minutes as DOCX"),
    Route(
        "GET",
        "/api/ledger/{entry_id}/proof.json",
        export_proof,
        "session",
        "Log and record for verify_offline.py",
    ),
)

"""The signaling server: accounts, meetings, rooms, the meeting log, the ledger, the HTTP API and the web app."""

from __future__ import annotations

VERSION = "0.1.0"

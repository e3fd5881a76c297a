"""Tables. Times are integer ms UTC, ids UUIDv7 hex strings; JSON columns hold what is only shown, never searched.

SQLite (WAL) and PostgreSQL run the same models and migrations.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

ID = String(32)
Ms = BigInteger


class Base(DeclarativeBase):
    """Base of all tables."""

    type_annotation_map = {dict[str, Any]: JSON, list[Any]: JSON}


class Organisation(Base):
    """A node of the tree 党委 › 党总支 › 党支部 › 党小组. ``path`` = ids from the root, ``/``-joined, own id last."""

    __tablename__ = "organisation"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    parent_id: Mapped[str | None] = mapped_column(ForeignKey("organisation.id"))
    path: Mapped[str] = mapped_column(String(1024), index=True)
    kind: Mapped[str] = mapped_column(String(32))  # party_committee … party_group, temporary_branch
    name: Mapped[str] = mapped_column(String(200))
    short_name: Mapped[str] = mapped_column(String(60))
    ends_ms: Mapped[int | None] = mapped_column(Ms)  # temporary branches
    settings: Mapped[dict[str, Any]] = mapped_column(default=dict)  # watch rule, presence rule


class Member(Base):
    __tablename__ = "member"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    name: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(16))  # full, probationary, activist, mass
    voting_suspended: Mapped[bool] = mapped_column(Boolean, default=False)  # 留党察看


class Membership(Base):
    """A member in an organisation for a time. ``kind``: home, attached (temporary branch), group, away (host)."""

    __tablename__ = "membership"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), index=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), index=True)
    kind: Mapped[str] = mapped_column(String(16))
    post: Mapped[str | None] = mapped_column(String(32))  # secretary, deputy_secretary, …_officer: committee members
    valid_from_ms: Mapped[int] = mapped_column(Ms)
    valid_to_ms: Mapped[int | None] = mapped_column(Ms)


class Account(Base):
    __tablename__ = "account"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), unique=True)
    login: Mapped[str] = mapped_column(String(64), unique=True)
    password_hash: Mapped[str] = mapped_column(String(255))
    disabled: Mapped[bool] = mapped_column(Boolean, default=False)
    must_change_password: Mapped[bool] = mapped_column(Boolean, default=False)
    created_ms: Mapped[int] = mapped_column(Ms)


class RoleGrant(Base):
    """A role at a node of the tree: member, recorder, host, secretary, liaison, inspector, admin."""

    __tablename__ = "role_grant"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"), index=True)
    role: Mapped[str] = mapped_column(String(16))
    __table_args__ = (UniqueConstraint("account_id", "organisation_id", "role"),)


class LoginSession(Base):
    """Server-side session; the cookie holds the token, the table only its SHA-256."""

    __tablename__ = "login_session"
    token_sha256: Mapped[str] = mapped_column(String(64), primary_key=True)
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"), index=True)
    csrf_token: Mapped[str] = mapped_column(String(64))
    created_ms: Mapped[int] = mapped_column(Ms)
    seen_ms: Mapped[int] = mapped_column(Ms)
    user_agent: Mapped[str] = mapped_column(String(255), default="")


class LoginAttempt(Base):
    """Failed attempts per key ("account:x" or "address:y") for throttling and locks."""

    __tablename__ = "login_attempt"
    key: Mapped[str] = mapped_column(String(128), primary_key=True)
    failures: Mapped[int] = mapped_column(Integer, default=0)
    first_ms: Mapped[int] = mapped_column(Ms)
    locked_until_ms: Mapped[int | None] = mapped_column(Ms)


class Meeting(Base):
    __tablename__ = "meeting"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    organisation_id: Mapped[str] = mapped_column(ForeignKey("organisation.id"))
    type: Mapped[str] = mapped_column(String(32))
    title: Mapped[str] = mapped_column(String(200))
    ordinal: Mapped[int] = mapped_column(Integer)
    year: Mapped[int] = mapped_column(Integer)
    place: Mapped[str] = mapped_column(String(200), default="")
    state: Mapped[str] = mapped_column(String(16))
    start_ms: Mapped[int] = mapped_column(Ms)
    end_ms: Mapped[int] = mapped_column(Ms)
    started_ms: Mapped[int | None] = mapped_column(Ms)
    ended_ms: Mapped[int | None] = mapped_column(Ms)
    host_member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    recorder_member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    lecturer_member_id: Mapped[str | None] = mapped_column(ForeignKey("member.id"))
    agenda: Mapped[list[Any]] = mapped_column(default=list)  # [{item_id, title, planned_minutes}]
    record: Mapped[bool] = mapped_column(Boolean)
    rule_version: Mapped[str] = mapped_column(String(32))
    created_by: Mapped[str] = mapped_column(ID)
    created_ms: Mapped[int] = mapped_column(Ms)
    __table_args__ = (
        Index("ix_meeting_organisation_start", "organisation_id", "start_ms"),
        Index("ix_meeting_state_start", "state", "start_ms"),
    )


class ExpectedMember(Base):
    """The expected roll, a snapshot: taken at scheduling, taken again and frozen when the meeting starts."""

    __tablename__ = "expected_member"
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True, index=True)
    role: Mapped[str] = mapped_column(String(16))  # host, recorder, lecturer, member, observer
    name: Mapped[str] = mapped_column(String(80))
    status: Mapped[str] = mapped_column(String(16))
    group_name: Mapped[str | None] = mapped_column(String(60))
    has_vote: Mapped[bool] = mapped_column(Boolean)
    counted: Mapped[bool] = mapped_column(Boolean)  # False: observer, not part of 应到
    leave_reason: Mapped[str | None] = mapped_column(String(32))
    leave_approved_by: Mapped[str | None] = mapped_column(ID)


class LogEvent(Base):
    """The append-only meeting log. ``hash`` = SHA-256 over the canonical event, ``prev_hash`` among it."""

    __tablename__ = "log_event"
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    at_ms: Mapped[int] = mapped_column(Ms)
    type: Mapped[str] = mapped_column(String(40))
    actor: Mapped[str | None] = mapped_column(ID)  # member id; None: the system
    payload: Mapped[str] = mapped_column(Text)  # canonical JSON, the very bytes that were hashed
    prev_hash: Mapped[str] = mapped_column(String(64))
    hash: Mapped[str] = mapped_column(String(64))


class Recording(Base):
    __tablename__ = "recording"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"), index=True)
    state: Mapped[str] = mapped_column(String(16))
    code: Mapped[str | None] = mapped_column(String(32))
    origin_ms: Mapped[int | None] = mapped_column(Ms)
    duration_ms: Mapped[int] = mapped_column(Ms, default=0)
    gaps: Mapped[list[Any]] = mapped_column(default=list)
    created_ms: Mapped[int] = mapped_column(Ms)


class Segment(Base):
    __tablename__ = "segment"
    recording_id: Mapped[str] = mapped_column(ForeignKey("recording.id"), primary_key=True)
    key: Mapped[str] = mapped_column(String(255), primary_key=True)
    index: Mapped[int] = mapped_column(Integer)
    sha256: Mapped[str] = mapped_column(String(64))
    bytes: Mapped[int] = mapped_column(BigInteger)
    start_ms: Mapped[int] = mapped_column(Ms)
    duration_ms: Mapped[int] = mapped_column(Ms)


class MakeupTask(Base):
    __tablename__ = "makeup_task"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"))
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), index=True)
    due_ms: Mapped[int] = mapped_column(Ms)
    credited_ms: Mapped[int] = mapped_column(Ms, default=0)
    done_ms: Mapped[int | None] = mapped_column(Ms)
    decision: Mapped[dict[str, Any] | None] = mapped_column(JSON)  # rule version, inputs hash, decided at
    __table_args__ = (UniqueConstraint("meeting_id", "member_id"),)


class WatchSessionRow(Base):
    __tablename__ = "watch_session"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    recording_id: Mapped[str] = mapped_column(ForeignKey("recording.id"), index=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), index=True)
    started_ms: Mapped[int] = mapped_column(Ms)
    seen_ms: Mapped[int] = mapped_column(Ms)
    last_seq: Mapped[int] = mapped_column(Integer, default=0)
    state: Mapped[dict[str, Any]] = mapped_column(default=dict)  # nonces, prompt, last position
    ended_ms: Mapped[int | None] = mapped_column(Ms)


class WatchBeat(Base):
    """Raw heartbeats, append-only evidence."""

    __tablename__ = "watch_beat"
    session_id: Mapped[str] = mapped_column(ForeignKey("watch_session.id"), primary_key=True)
    seq: Mapped[int] = mapped_column(Integer, primary_key=True)
    at_ms: Mapped[int] = mapped_column(Ms)
    body: Mapped[dict[str, Any]] = mapped_column()
    refused_ms: Mapped[int] = mapped_column(Ms, default=0)
    refused_reason: Mapped[str | None] = mapped_column(String(16))


class WatchInterval(Base):
    """Credited half-open intervals of one member in one recording, disjoint and merged."""

    __tablename__ = "watch_interval"
    recording_id: Mapped[str] = mapped_column(ForeignKey("recording.id"), primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"), primary_key=True)
    start_ms: Mapped[int] = mapped_column(Ms, primary_key=True)
    end_ms: Mapped[int] = mapped_column(Ms)


class LedgerEntryRow(Base):
    """Assembled at the end of the meeting; facts come from the log, ``minutes`` is what people wrote."""

    __tablename__ = "ledger_entry"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"), unique=True)
    state: Mapped[str] = mapped_column(String(24))
    version: Mapped[int] = mapped_column(Integer, default=1)
    facts: Mapped[dict[str, Any]] = mapped_column(default=dict)  # attendance, agenda, remarks, counts as computed
    minutes: Mapped[dict[str, Any]] = mapped_column(default=dict)
    expected: Mapped[int] = mapped_column(Integer)
    present: Mapped[int] = mapped_column(Integer)
    assembled_ms: Mapped[int] = mapped_column(Ms)


class LedgerVersion(Base):
    """Earlier versions of the minutes: nothing is overwritten."""

    __tablename__ = "ledger_version"
    entry_id: Mapped[str] = mapped_column(ForeignKey("ledger_entry.id"), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    minutes: Mapped[dict[str, Any]] = mapped_column()
    by_member_id: Mapped[str] = mapped_column(ID)
    at_ms: Mapped[int] = mapped_column(Ms)


class Signature(Base):
    """A signature over the entry's content hash at a version, itself an event of the meeting log."""

    __tablename__ = "signature"
    entry_id: Mapped[str] = mapped_column(ForeignKey("ledger_entry.id"), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), primary_key=True)
    version: Mapped[int] = mapped_column(Integer, primary_key=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    content_sha256: Mapped[str] = mapped_column(String(64))
    signed_ms: Mapped[int] = mapped_column(Ms)


class AccessLog(Base):
    """Who read or exported something sensitive (roll, recording, export), and who changed what."""

    __tablename__ = "access_log"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    at_ms: Mapped[int] = mapped_column(Ms, index=True)
    account_id: Mapped[str] = mapped_column(ID, index=True)
    action: Mapped[str] = mapped_column(String(40))
    object_id: Mapped[str] = mapped_column(String(64))


class IngestTokenRow(Base):
    """What an encoder or a player comes in with: never the token, its hash."""

    __tablename__ = "ingest_token"
    id: Mapped[str] = mapped_column(ID, primary_key=True)
    token_sha256: Mapped[str] = mapped_column(String(64), unique=True)
    meeting_id: Mapped[str] = mapped_column(ForeignKey("meeting.id"), index=True)
    member_id: Mapped[str] = mapped_column(ForeignKey("member.id"))
    account_id: Mapped[str] = mapped_column(ForeignKey("account.id"))
    kind: Mapped[str] = mapped_column(String(8))  # whip, whep
    name: Mapped[str] = mapped_column(String(64))
    created_ms: Mapped[int] = mapped_column(Ms)
    expires_ms: Mapped[int] = mapped_column(Ms)
    revoked_ms: Mapped[int | None] = mapped_column(Ms)


class Secret(Base):
    """Keys that the installation makes for itself (ticket signing, log heads)."""

    __tablename__ = "secret"
    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    value: Mapped[bytes] = mapped_column(LargeBinary)
    created_ms: Mapped[int] = mapped_column(Ms)
